/** Which methods a path takes, for telling "not with this method" from "nothing here". */
import type { Route } from './route.ts';

export class AllowedMethods {
  readonly #patterns: readonly { readonly pattern: RegExp; readonly methods: readonly string[] }[];

  constructor(routes: readonly Route[]) {
    this.#patterns = routes.flatMap(route =>
      route.paths.map(path => ({
        pattern: new RegExp(`^${path.replace(/:[a-z]+/g, '[^/]+')}$`),
        methods: route.method === 'GET' && route.noHead !== true ? ['GET', 'HEAD'] : [route.method],
      })),
    );
  }

  /** Empty: there is nothing at this path. */
  at(path: string): readonly string[] {
    return this.#patterns.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods);
  }
}
