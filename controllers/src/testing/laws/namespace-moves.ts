/** Namespaces that come and go, for controllers that put something into each of them. */
import type { Namespace } from '@slipway/api/types';
import { type Kind, keyOf, kinds } from '@slipway/client/kinds';
import type { Move } from './controller-laws.ts';
import type { MemoryServer } from './memory-server.ts';

export function startNamespaces(server: MemoryServer): void {
  for (const name of ['ns-0', 'ns-1']) server.put(kinds.namespaces, aNamespace(name));
}

export const namespaceMoves: Readonly<Record<string, Move>> = {
  'a namespace comes': (server, dice) => {
    const name = `ns-${dice % 3}`;
    if (!server.get(kinds.namespaces, name)) server.put(kinds.namespaces, aNamespace(name));
  },
  'a namespace is gone': (server, dice) => server.remove(kinds.namespaces, `ns-${dice % 3}`),
};

/** What is wrong when a namespace that stays has no object of the name. */
export function inEachNamespace(server: MemoryServer, kind: Kind, name: string): string | undefined {
  for (const namespace of server.list(kinds.namespaces)) {
    if (namespace.metadata.deletionTimestamp || server.get(kind, `${keyOf(namespace)}/${name}`)) continue;
    return `${keyOf(namespace)} has no ${name}`;
  }
  return undefined;
}

export function aNamespace(name: string): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: { finalizers: ['kubernetes'] } };
}
