import type { Checker } from './checker.ts';

/** What somebody was told to be done is on the disk, at the revision that they were told. */
export function acknowledgedWrites(): Checker {
  return {
    name: 'acknowledged writes',
    recovered: ({ acknowledged, ledger }) => acknowledged.broken(ledger),
  };
}
