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

/** The content names the cluster. */
export const certificateDomain = Buffer.from('firsthand/certificate/1\0');
export const grantDomain = Buffer.from('firsthand/grant/1\0');
