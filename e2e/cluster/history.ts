/** What clients of a cluster were told, and whether it can all be true. Pure. */

export interface AcknowledgedWrite {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: bigint;
  /** Of a counter. */
  readonly value?: number;
}

export interface SeenEvent {
  readonly type: string;
  readonly name: string;
  readonly resourceVersion: bigint;
}

export interface History {
  readonly writes: readonly AcknowledgedWrite[];
  /** Writes whose outcome no client was told, by counter: they may have happened. */
  readonly unknownIncrements: ReadonlyMap<string, number>;
  /** The changes that each watcher saw, in its order. */
  readonly watchers: ReadonlyMap<string, readonly SeenEvent[]>;
  /** What is stored at the end. */
  readonly stored: ReadonlyMap<string, { readonly uid: string; readonly value: number | undefined }>;
}

/** One text for each thing that cannot be; none when the cluster kept its promises. */
export function contradictions(history: History): string[] {
  return [...lostWrites(history), ...wrongCounters(history), ...wrongWatches(history)];
}

function* lostWrites({ writes, stored }: History): Generator<string> {
  for (const { name, uid } of writes) {
    const found = stored.get(name);
    if (!found) yield `${name} was acknowledged and is not stored`;
    else if (found.uid !== uid) yield `${name} was acknowledged with uid ${uid} and is stored with ${found.uid}`;
  }
}

/** Each acknowledged increment made a value of its own, at a version of its own, both growing together. */
function* wrongCounters({ writes, unknownIncrements, stored }: History): Generator<string> {
  const counters = Map.groupBy(
    writes.filter(({ value }) => value !== undefined),
    ({ name }) => name,
  );
  for (const [name, increments] of counters) {
    const ordered = increments.toSorted((a, b) => (a.resourceVersion < b.resourceVersion ? -1 : 1));
    for (const [i, { value = 0, resourceVersion }] of ordered.entries()) {
      const before = ordered[i - 1];
      if (before && (before.value ?? 0) >= value) {
        yield `${name} was ${before.value} at ${before.resourceVersion} and ${value} at ${resourceVersion}`;
      }
      if (before?.resourceVersion === resourceVersion) yield `${name} has two writes at ${resourceVersion}`;
    }
    const final = stored.get(name)?.value ?? 0;
    const newest = ordered.at(-1)?.value ?? 0;
    const most = increments.length + (unknownIncrements.get(name) ?? 0);
    if (final < newest) yield `${name} ends at ${final} after ${newest} was acknowledged`;
    if (final < increments.length || final > most) {
      yield `${name} ends at ${final} after ${increments.length} acknowledged increments and ${most - increments.length} others`;
    }
  }
}

function* wrongWatches({ writes, watchers }: History): Generator<string> {
  let reference: { readonly watcher: string; readonly text: readonly string[] } | undefined;
  for (const [watcher, events] of watchers) {
    for (const [i, event] of events.entries()) {
      const before = events[i - 1];
      if (before && before.resourceVersion >= event.resourceVersion) {
        yield `${watcher} saw ${event.name} at ${event.resourceVersion} after ${before.name} at ${before.resourceVersion}`;
      }
    }
    const seen = new Set(events.map(({ name, resourceVersion }) => `${name} ${resourceVersion}`));
    for (const { name, resourceVersion } of writes) {
      if (!seen.has(`${name} ${resourceVersion}`)) yield `${watcher} never saw ${name} at ${resourceVersion}`;
    }
    yield* wrongLives(watcher, events);
    const text = events.map(({ type, name, resourceVersion }) => `${type} ${name} ${resourceVersion}`);
    reference ??= { watcher, text };
    const at = text.findIndex((line, i) => line !== reference?.text[i]);
    if (at >= 0 || text.length !== reference.text.length) {
      yield `${watcher} and ${reference.watcher} differ at ${at}: ${text.at(at)} and ${reference.text.at(at)}`;
    }
  }
}

/** Nothing is deleted in these runs: an object is added once and modified then. */
function* wrongLives(watcher: string, events: readonly SeenEvent[]): Generator<string> {
  const known = new Set<string>();
  for (const { type, name, resourceVersion } of events) {
    const expected = known.has(name) ? 'MODIFIED' : 'ADDED';
    if (type !== expected) yield `${watcher} saw ${name} ${type} at ${resourceVersion}, not ${expected}`;
    known.add(name);
  }
}
