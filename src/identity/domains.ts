/** What is signed before the bytes themselves: what they are, and for whom. No other use of a key begins like this. */

export function recordDomain(cluster: string): Buffer {
  return Buffer.from(`firsthand/record/1\0${cluster}\0`);
}

export function banDomain(cluster: string): Buffer {
  return Buffer.from(`firsthand/ban/1\0${cluster}\0`);
}

export function claimDomain(cluster: string): Buffer {
  return Buffer.from(`firsthand/claim/1\0${cluster}\0`);
}
