/** The flags of `simulate-nodes` whose values are lists. Each throws `UsageError` for what it cannot read. */
import { labelValueProblems, qualifiedNameProblems } from '@slipway/api/names';
import { canonicalQuantity, tryParseQuantity } from '@slipway/api/quantity';
import type { Taint } from '@slipway/api/types';
import { UsageError } from './usage-error.ts';

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** `KEY=VALUE,...` */
export function parseLabels(text: string | undefined): Record<string, string> {
  return Object.fromEntries(
    entriesOf(text).map((entry) => {
      const [key, value] = pairOf('label', entry);
      checkName('label', entry, key, value);
      return [key, value];
    }),
  );
}

/** `KEY=VALUE:EFFECT,...` or `KEY:EFFECT,...` */
export function parseTaints(text: string | undefined): Taint[] {
  return entriesOf(text).map((entry) => {
    const colon = entry.lastIndexOf(':');
    const effect = entry.slice(colon + 1);
    if (colon < 0 || !effects.includes(effect))
      throw new UsageError(`--taint: ${JSON.stringify(entry)} does not end with :EFFECT, one of ${effects.join(', ')}`);
    const [key = '', value = ''] = entry.slice(0, colon).split('=', 2);
    checkName('taint', entry, key, value);
    return { key, effect, ...(value === '' ? {} : { value }) };
  });
}

/** `NAME=AMOUNT,...`, the amounts in their canonical form. */
export function parseCapacity(text: string | undefined): Record<string, string> {
  return Object.fromEntries(
    entriesOf(text).map((entry) => {
      const [name, amount] = pairOf('capacity', entry);
      const [problem] = qualifiedNameProblems(name);
      if (problem) throw new UsageError(`--capacity: ${JSON.stringify(entry)}: ${problem}`);
      if (!tryParseQuantity(amount))
        throw new UsageError(`--capacity: ${JSON.stringify(entry)}: ${JSON.stringify(amount)} is no quantity`);
      return [name, canonicalQuantity(amount)];
    }),
  );
}

export function parseZones(text: string | undefined): string[] {
  return entriesOf(text).map((zone) => {
    const [problem] = labelValueProblems(zone);
    if (problem) throw new UsageError(`--zones: ${JSON.stringify(zone)}: ${problem}`);
    return zone;
  });
}

function entriesOf(text = ''): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function pairOf(flag: string, entry: string): [string, string] {
  const equals = entry.indexOf('=');
  if (equals <= 0) throw new UsageError(`--${flag}: ${JSON.stringify(entry)} is not of the form NAME=VALUE`);
  return [entry.slice(0, equals), entry.slice(equals + 1)];
}

function checkName(flag: string, entry: string, key: string, value: string): void {
  const [problem] = [...qualifiedNameProblems(key), ...labelValueProblems(value)];
  if (problem) throw new UsageError(`--${flag}: ${JSON.stringify(entry)}: ${problem}`);
}
