import type { Host, HostOptions } from '../../host/host.ts';
import type { TableEntry, TableFailure, TableStep } from '../../host/table-step.ts';
import { entryKey, overlayRouteProtocol } from './plan-overlay.ts';

type Entries = ReadonlyMap<string, TableEntry>;

/**
 * Pure: from what is there to what should be. A route comes after the neighbour that it needs and goes before it; what changes its
 * value is replaced in place, so no packet falls between.
 */
export function planTables(present: Entries, desired: Entries): readonly TableStep[] {
  const routesGone: TableStep[] = [];
  const othersGone: TableStep[] = [];
  for (const [key, entry] of present) {
    if (desired.has(key)) continue;
    (entry.kind === 'route' ? routesGone : othersGone).push({ step: 'delete', entry });
  }
  const others: TableStep[] = [];
  const routes: TableStep[] = [];
  for (const [key, entry] of desired) {
    const before = present.get(key);
    if (before && isSame(before, entry)) continue;
    (entry.kind === 'route' ? routes : others).push({ step: before ? 'replace' : 'add', entry });
  }
  return [...routesGone, ...others, ...routes, ...othersGone];
}

function isSame(one: TableEntry, other: TableEntry): boolean {
  if (one === other) return true;
  if (one.kind === 'route' && other.kind === 'route') {
    return one.link === other.link && one.gateway === other.gateway && one.protocol === other.protocol;
  }
  if (one.kind === 'neighbour' && other.kind === 'neighbour') return one.mac === other.mac;
  return one.kind === 'forwarding' && other.kind === 'forwarding' && one.remote === other.remote;
}

export interface PeerTablesScope {
  readonly link: string;
  /** On a link that is not ours, the uplink: only routes of ours with this metric are looked at. Absent: the link is ours. */
  readonly priority?: number;
}

/** Entries of one network on one link: what the kernel has is read at the start and when asked to, changes are differences. */
export class PeerTables {
  readonly #host: Host;
  readonly #scope: PeerTablesScope;
  #present: Map<string, TableEntry> | undefined;

  constructor(host: Host, scope: PeerTablesScope) {
    this.#host = host;
    this.#scope = scope;
  }

  /** The kernel's tables are read again before the next change. */
  forget(): void {
    this.#present = undefined;
  }

  /** Answers what the kernel refused; that is tried again the next time. */
  async apply(desired: Entries, options: HostOptions): Promise<readonly TableFailure[]> {
    const present = this.#present ?? (await this.#observe(options));
    this.#present = undefined; // known again only when all steps were told
    const steps = planTables(present, desired);
    const failures = await this.#host.changeTables(steps, options);
    const refused = new Set(failures.map(({ step }) => step));
    for (const step of steps) {
      if (refused.has(step)) continue;
      if (step.step === 'delete') present.delete(entryKey(step.entry));
      else present.set(entryKey(step.entry), step.entry);
    }
    this.#present = present;
    return failures;
  }

  async #observe(options: HostOptions): Promise<Map<string, TableEntry>> {
    const { link, priority } = this.#scope;
    const isOurs = (entry: TableEntry) => {
      if (entry.kind !== 'route') return priority === undefined;
      return entry.protocol === overlayRouteProtocol && entry.priority === priority;
    };
    const found = (await this.#host.showTables(link, options)).filter(isOurs);
    return new Map(found.map((entry) => [entryKey(entry), entry]));
  }
}
