import type { Secret } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { bootstrapTokenType } from './plan.ts';

const { secrets } = kinds;
const encoded = (text: string) => Buffer.from(text).toString('base64');

export const bootstrapTokenLaws: ControllerLaws = {
  controller: 'tokencleaner',
  primary: secrets,
  start(server) {
    put(server, 'kube-system', 'for-ever', undefined);
    // The same elsewhere is no bootstrap token.
    put(server, 'shop', 'elsewhere', server.nowMs - 1000);
  },
  moves: {
    'a token for a while comes': (server, dice) =>
      put(server, 'kube-system', `t${dice % 5}`, server.nowMs + dice * 1000),
    'a token is extended': (server, dice) => put(server, 'kube-system', `t${dice % 5}`, server.nowMs + dice * 2000),
  },
  mayWrite: ({ kindId, verb, before }) =>
    kindId === 'secrets' && verb === 'delete' && before?.metadata.namespace === 'kube-system',
  never: ({ before }, server) => (endMs(before as Secret) > server.nowMs ? 'it is still valid' : undefined),
  restsAfterMs: 3_600_000,
  atRest: (server) => {
    const staying = server.list(secrets).filter(({ metadata }) => !metadata.deletionTimestamp);
    const names = staying.map(({ metadata }) => metadata.name ?? '');
    return names.some((name) => name.startsWith('t')) ? `ended tokens stay: ${names}` : undefined;
  },
};

function put(server: MemoryServer, namespace: string, name: string, untilMs: number | undefined): void {
  server.put(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name },
    type: bootstrapTokenType,
    data: untilMs === undefined ? {} : { expiration: encoded(formatTime(untilMs)) },
  });
}

function endMs({ data }: Secret): number {
  const text = Buffer.from(data?.expiration ?? '', 'base64').toString();
  return text === '' ? Number.POSITIVE_INFINITY : Date.parse(text);
}
