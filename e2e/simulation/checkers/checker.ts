import type { Client } from '@slipway/client/client';
import type { LedgerChange } from '../ledger.ts';
import type { Sandbox } from '../parts/sandboxes.ts';
import type { World } from '../world.ts';

/** Looks from outside, and answers what is wrong in words. A new one for each run of a seed. */
export interface Checker {
  readonly name: string;
  /** Before anything happens. */
  begin?(world: World): void;
  /** After every change on the disk, also while everything goes wrong. */
  changed?(change: LedgerChange, world: World): string | undefined;
  /** After containers began to run on a machine. */
  started?(node: string, sandbox: Sandbox, world: World): string | undefined;
  /** After the API server came back from a crash, and at the end. */
  recovered?(world: World): string | undefined;
  /** When the trouble has been over for a while. What is wrong may still come right, within a time. */
  settled?(world: World, client: Client): Promise<string | undefined>;
}
