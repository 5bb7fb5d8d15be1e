import { StatusError } from '@slipway/api/status-error';
import type { ApiRequest, Transport } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { FencedError } from '@slipway/client/fenced-transport';
import { kinds } from '@slipway/client/kinds';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { createOnce } from './create-once.ts';

type Trouble = 'request lost' | 'answer lost' | 'commit unknown' | Error | undefined;

/** A server that keeps what is made there; requests meet the troubles in turn. */
function serving(troubles: readonly Trouble[]) {
  const stored = new Map<string, KubeObject>();
  const asked: string[] = [];
  const transport: Transport = {
    send: async ({ verb, options, body }: ApiRequest) => {
      const trouble = troubles[asked.length];
      asked.push(verb);
      if (trouble === 'request lost') throw new Error('read: connection reset by peer');
      if (trouble instanceof Error) throw trouble;
      const answer = verb === 'create' ? create(body as KubeObject) : list(options?.fieldSelector);
      if (trouble === 'answer lost') throw new Error('read: connection reset by peer');
      if (trouble === 'commit unknown') throw new StatusError('Timeout', 'the storage did not say');
      return answer;
    },
    watch: () => {
      throw new Error('nobody watches here');
    },
  };
  const create = (object: KubeObject) => {
    const { name = '' } = object.metadata;
    if (stored.has(name)) throw new StatusError('AlreadyExists', `"${name}" already exists`);
    stored.set(name, object);
    return object;
  };
  const list = (fieldSelector = '') => {
    const found = stored.get(fieldSelector.replace('metadata.name=', ''));
    return { metadata: {}, items: found ? [found] : [] };
  };
  return { transport, stored, asked };
}

const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'web-uid', controller: true };
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', generateName: 'web-', ownerReferences: [owner] },
};

async function make(server: ReturnType<typeof serving>, seed = 1) {
  const clock = new VirtualClock();
  const signal = new AbortController().signal;
  const deps = { client: new Client(server.transport), clock, random: seededRandom(seed), signal };
  const made = createOnce(kinds.pods, pod, deps).then(
    ({ metadata }) => metadata.name,
    (error: unknown) => error,
  );
  await clock.advance(0);
  await clock.advance(400_000);
  return made;
}

describe('createOnce', () => {
  it('names the object as the server would', async () => {
    const server = serving([]);
    expect(await make(server)).toMatch(/^web-[a-z0-9]{5}$/);
    expect(server.asked).toEqual(['create']);
  });

  it.each<{ readonly troubles: readonly Trouble[] }>([
    { troubles: ['request lost'] },
    { troubles: ['answer lost'] },
    { troubles: ['commit unknown'] },
    { troubles: ['request lost', 'request lost', 'answer lost', undefined, 'answer lost', 'answer lost'] },
    { troubles: ['request lost', undefined, new StatusError('TooManyRequests', 'later')] },
  ])('makes one object in spite of $troubles', async ({ troubles }) => {
    const server = serving(troubles);
    const name = await make(server);
    expect([...server.stored.keys()]).toEqual([name]);
  });

  it('takes another name when the first is taken', async () => {
    const first = serving([]);
    const taken = (await make(first)) as string;
    const server = serving([]);
    server.stored.set(taken, pod);
    const name = await make(server);
    expect(name).not.toBe(taken);
    expect(server.stored.size).toBe(2);
  });

  it.each([
    { error: new StatusError('Forbidden', 'exceeded quota') },
    { error: new StatusError('InternalError', 'failed calling webhook') },
    { error: new FencedError('not leading') },
  ])('passes on at once what is certain: $error.message', async ({ error }) => {
    const server = serving([error]);
    expect(await make(server)).toBe(error);
    expect(server.asked).toHaveLength(1);
  });

  it('gives up after a while, and says what went wrong', async () => {
    const server = serving(Array.from({ length: 1000 }, (): Trouble => 'request lost'));
    expect(await make(server)).toEqual(new Error('read: connection reset by peer'));
    expect(server.stored.size).toBe(0);
  });
});
