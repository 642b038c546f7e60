/**
 * What several HTTP peers together say about one node.
 *
 * The predecessor's rule: the content that most of them give; among equally many the one that was
 * updated last; then the one whose text comes first, so that all bridges that heard the same decide the same.
 */
import { isSameContent, type NodeFields } from '../record/node.ts';
import { compareText } from '../record/record.ts';

export interface Testimony {
  /** Of the peer that says it. */
  readonly url: string;
  readonly node: NodeFields;
}

export interface Agreement {
  readonly node: NodeFields;
  /** The first, by URL, of the peers that say so. */
  readonly source: string;
  /** Every content with the peers that give it, the agreed one first; one when they all say the same. */
  readonly sides: readonly Side[];
}

export interface Side {
  /** With the latest time that any of them gives. */
  readonly node: NodeFields;
  /** In no particular order: most sides have many, and nobody looks. */
  readonly urls: readonly string[];
}

/** @param testimonies - Of different peers; any order. */
export function agree(testimonies: readonly Testimony[]): Agreement | undefined {
  const groups: Testimony[][] = [];
  for (const testimony of testimonies) {
    const group = groups.find(([first]) => first !== undefined && isSame(first.node, testimony.node));
    if (group === undefined) groups.push([testimony]);
    else group.push(testimony);
  }
  const sides = groups.map(sideOf).sort(byWeight);
  const [first] = sides;
  if (first === undefined) return undefined;
  const source = first.urls.reduce((a, b) => (b < a ? b : a));
  return { node: first.node, source, sides };
}

function sideOf(group: readonly Testimony[]): Side {
  const latest = group.reduce((a, b) => (isPreferred(b.node, a.node) ? b : a));
  return { node: latest.node, urls: group.map(({ url }) => url) };
}

function isPreferred(a: NodeFields, b: NodeFields): boolean {
  if (a === b) return false;
  return a.lastUpdatedS > b.lastUpdatedS || (a.lastUpdatedS === b.lastUpdatedS && textOf(a) < textOf(b));
}

function byWeight(a: Side, b: Side): number {
  return (
    b.urls.length - a.urls.length ||
    b.node.lastUpdatedS - a.node.lastUpdatedS ||
    compareText(textOf(a.node), textOf(b.node))
  );
}

/** Of everything that is said; the order of capabilities is part of it only within one content. */
function textOf({ address, metricsPort, nodeType, isLoadBalancer, capabilities }: NodeFields): string {
  return JSON.stringify([address, metricsPort, nodeType, isLoadBalancer, capabilities]);
}

function isSame(a: NodeFields, b: NodeFields): boolean {
  return a === b || isSameContent(a, b);
}
