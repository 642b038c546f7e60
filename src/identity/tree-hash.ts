/** The hash of the tree over all records, for the core, which computes none itself. */
import { hash } from 'node:crypto';
import { type HashParts, treeHashLength } from '../core/sync/tree.ts';

export const treeHash: HashParts = parts => hash('sha256', parts.join('')).slice(0, treeHashLength);
