import { networkContract } from './network-contract.ts';
import { Libp2pWorld } from './network-libp2p.ts';

networkContract('libp2p', () => new Libp2pWorld());
