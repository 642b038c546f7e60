/** Views are camelCase inside and snake_case in JSON; nothing else differs. */

const names = new Map<string, string>();

/** Plain data only: objects, arrays and values. The keys are those of our own types, hence few. */
export function snakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [snakeName(key), snakeKeys(item)]));
}

function snakeName(camel: string): string {
  let name = names.get(camel);
  if (name === undefined) {
    name = camel.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
    names.set(camel, name);
  }
  return name;
}
