import { formatOverloads } from './formats.ts';
import { listOverloads } from './lists.ts';
import { networkOverloads } from './network.ts';
import { numberOverloads } from './numbers.ts';
import { optionalOverloads } from './optionals.ts';
import type { Overload } from './overload.ts';
import { quantityOverloads } from './quantities.ts';
import { semverOverloads } from './semver.ts';
import { stringOverloads } from './strings.ts';
import { timeOverloads } from './times.ts';

export const builtInOverloads: readonly Overload[] = [
  ...numberOverloads,
  ...stringOverloads,
  ...listOverloads,
  ...timeOverloads,
  ...optionalOverloads,
  ...networkOverloads,
  ...quantityOverloads,
  ...formatOverloads,
  ...semverOverloads,
];

/** By name and whether it is called on its first argument. */
export class FunctionTable {
  readonly #byName = new Map<string, readonly Overload[]>();

  constructor(overloads: readonly Overload[]) {
    for (const overload of overloads) {
      const key = keyOf(overload.name, overload.isMember);
      this.#byName.set(key, [...(this.#byName.get(key) ?? []), overload]);
    }
  }

  find(name: string, isMember: boolean): readonly Overload[] {
    return this.#byName.get(keyOf(name, isMember)) ?? [];
  }
}

function keyOf(name: string, isMember: boolean): string {
  return isMember ? `.${name}` : name;
}

export const builtInFunctions = new FunctionTable(builtInOverloads);
