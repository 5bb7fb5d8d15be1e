import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { silentLogger } from '@slipway/kit/logger';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import type { MetadataForm } from './metadata-form.ts';
import { MetadataServer } from './metadata-server.ts';

const form: MetadataForm = {
  isWantedBy: () => true,
  variables: () => [],
  async answer({ method, path, body, find }) {
    if (path === '/broken') throw new Error('not today');
    return { status: 200, body: { method, path, body, isKnown: find('id') !== undefined } };
  },
};

describe('the server of all endpoints', () => {
  const clock = new VirtualClock();
  const server = new MetadataServer({ form, clock, log: silentLogger });
  const sandbox = { id: 's', pod: { namespace: 'n', name: 'p', uid: 'u' }, annotations: {}, createdAtMs: 0 };
  const askers = [
    { find: () => ({ sandbox: { ...sandbox, netns: undefined }, name: 'c' }) },
    { find: () => undefined },
  ] as const;
  const listeners = askers.map((asker) =>
    createServer({ allowHalfOpen: true }, (socket) => server.accept(socket, asker)),
  );

  beforeAll(async () => {
    for (const listener of listeners) await once(listener.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(() => listeners.forEach((listener) => void listener.close()));

  async function ask(asker: 0 | 1, path: string, { method = 'GET', body = '' } = {}) {
    const port = (listeners[asker]?.address() as AddressInfo | undefined)?.port;
    const asked = request({ host: '127.0.0.1', port, path, method, agent: false }).end(body);
    const [response] = await once(asked, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, body: JSON.parse(text) };
  }

  it('asks the form for whose connection it is', async () => {
    expect(await ask(0, '/a?b', { method: 'PUT', body: 'x' })).toEqual({
      status: 200,
      body: { method: 'PUT', path: '/a', body: 'x', isKnown: true },
    });
    expect(await ask(1, '/a')).toMatchObject({ body: { isKnown: false } });
  });

  it('refuses long bodies, and says when the form fails', async () => {
    expect(await ask(0, '/', { method: 'PUT', body: 'x'.repeat(9_000) })).toMatchObject({ status: 413 });
    expect(await ask(0, '/broken')).toEqual({ status: 500, body: 'The metadata could not be collected' });
  });

  it('holds back who asks more than forty times a second, and nobody else', async () => {
    await clock.advance(10_000);
    const statuses: number[] = [];
    for (let i = 0; i < 62; i++) statuses.push((await ask(0, '/')).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(60);
    expect((await ask(1, '/')).status).toBe(200);
    await clock.advance(25);
    expect((await ask(0, '/')).status).toBe(200);
    expect((await ask(0, '/')).status).toBe(429);
  });
});
