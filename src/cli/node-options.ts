/** Options that describe a service, for `register` and `update`. */
import type { Command } from 'commander';
import { metricsPortMin, nodeTypes } from '../core/record/node.ts';
import { collect, oneOf, wholeNumber } from './option-values.ts';

export interface NodeOptions {
  readonly address?: string;
  readonly metricsPort?: number;
  readonly type?: string;
  readonly loadBalancer?: boolean;
  readonly capability?: readonly string[];
}

/** Everything but id and address, whose being required differs. */
export function addNodeOptions(command: Command): void {
  command
    .option(
      '--metrics-port <port>',
      'port of its /metrics',
      wholeNumber('--metrics-port', metricsPortMin, 65_535),
    )
    .option('--type <type>', nodeTypes.join(', '), oneOf('--type', nodeTypes))
    .option('--load-balancer', 'it balances load')
    .option('--no-load-balancer', 'it does not')
    .option('--capability <name>', 'what it can do (repeatable)', collect);
}
