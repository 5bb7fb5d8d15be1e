/** What an operator sees: metrics, limits, watchers that are slow, and a server that stops. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { startTestServer, type TestServer, type TestServerOptions } from '../testing/start-test-server.ts';

const maps = '/api/v1/namespaces/default/configmaps';

let test: TestServer;
const started: TestServer[] = [];
const start = async (options: TestServerOptions = {}) => {
  test = await startTestServer(options);
  started.push(test);
  return test;
};
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

/** The answer as it comes, on a connection of its own or on that of `agent`. */
async function open(path: string, { agent, headers = {} }: { agent?: Agent; headers?: object } = {}) {
  const { certificate, privateKey } = test.adminCertificate;
  const sent = request(new URL(path, test.url), {
    ca: test.server.pki.caCertificate,
    cert: certificate,
    key: privateKey,
    agent: agent ?? false,
    headers: { ...headers },
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return text;
}

const made = (name: string, data: object = {}) =>
  test.fetch(maps, { method: 'POST', body: { metadata: { name }, data } });

describe('metrics', () => {
  it("are there under upstream's names", async () => {
    await start();
    await made('a');
    const watch = await open(`${maps}?watch=1`);
    await once(watch, 'data');
    const { text } = await test.fetch('/metrics');
    const expected = [
      /^apiserver_request_total\{code="201",verb="POST",group="",resource="configmaps",version="v1",scope="namespace",subresource="",component="apiserver"\} 1$/m,
      /^apiserver_request_duration_seconds_count\{verb="POST",.*resource="configmaps",.*\} 1$/m,
      /^apiserver_current_inflight_requests\{request_kind="readOnly"\} 1$/m,
      /^apiserver_current_inflight_requests\{request_kind="mutating"\} 0$/m,
      /^apiserver_longrunning_requests\{verb="WATCH",.*resource="configmaps",.*\} 1$/m,
      /^apiserver_watch_events_total\{group="",version="v1",resource="configmaps"\} [1-9]/m,
      /^apiserver_storage_objects\{resource="configmaps"\} [1-9]/m,
      /^apiserver_resource_objects\{group="rbac.authorization.k8s.io",resource="clusterroles"\} [1-9]/m,
      /^etcd_request_duration_seconds_bucket\{operation="create",type="configmaps",le="0.005"\} \d+$/m,
      /^etcd_requests_total\{operation="create",type="configmaps"\} [1-9]/m,
      /^process_resident_memory_bytes \d+$/m,
      /^process_start_time_seconds \d+/m,
      /^process_cpu_seconds_total \d+/m,
      /^process_open_fds \d+$/m,
    ];
    for (const line of expected) expect(text).toMatch(line);
    // Prometheus refuses a text that says a metric's type twice.
    const types = text.match(/^# TYPE \S+/gm) ?? [];
    expect(new Set(types).size).toBe(types.length);
    watch.destroy();
  });

  it('do not grow by what clients invent', async () => {
    await start();
    for (const path of ['/apis/a/v1/bs', '/apis/c/v1/ds', '/nowhere', '/api/v1/inventions']) await test.fetch(path);
    const { text } = await test.fetch('/metrics');
    expect(text).not.toMatch(/inventions|nowhere|resource="bs"/);
  });
});

describe('a full server', () => {
  it('answers 429 with Retry-After, except to system:masters', async () => {
    await start({ limits: { readsInFlightMax: 0, writesInFlightMax: 0, watchersMax: 1 } });
    const anonymous = await test.fetch('/version', { certificate: null });
    expect(anonymous.status).toBe(429);
    expect(anonymous.headers['retry-after']).toBe('1');
    expect(anonymous.body).toMatchObject({ kind: 'Status', reason: 'TooManyRequests' });
    expect((await test.fetch(maps)).status).toBe(200);
    const watch = await open(`${maps}?watch=1`);
    expect((await test.fetch(`${maps}?watch=1`)).status).toBe(429);
    watch.destroy();
    expect((await test.fetch('/metrics')).text).toMatch(
      /apiserver_dropped_requests_total\{request_kind="readOnly"\} 1/,
    );
  });
});

describe('a watcher that does not read', () => {
  it('is cut off, and nobody else is', async () => {
    await start({ limits: { watchBacklogBytesMax: 2_000_000, watchStalledMsMax: 300 } });
    const stalled = await open(`${maps}?watch=1&resourceVersion=0`);
    stalled.pause();
    stalled.on('error', () => {});
    const cut = new Promise((resolve) => stalled.on('close', resolve));
    const reading = await open(`${maps}?watch=1`);
    let names = '';
    reading.setEncoding('utf8').on('data', (part: string) => {
      names += part;
    });
    // More than the sockets of both sides take.
    const data = { k: 'v'.repeat(900_000) };
    for (let index = 0; index < 24; index++) expect((await made(`large-${index}`, data)).status).toBe(201);
    await longRunningIs(1);
    stalled.resume();
    await cut;
    expect(stalled.complete).toBe(false);
    await made('last');
    while (!names.includes('"name":"last"')) await once(reading, 'data');
    reading.destroy();
  }, 20_000);
});

async function longRunningIs(count: number): Promise<void> {
  for (;;) {
    const { text } = await test.fetch('/metrics');
    const shown = /^apiserver_longrunning_requests\{.*\} (\d+)$/m.exec(text)?.[1] ?? '0';
    if (Number(shown) === count) return;
  }
}

describe('a server that stops', () => {
  it('closes the connection of what was in work when that is answered, though the client keeps it', async () => {
    await start({ limits: { shutdownMsMax: 1_000_000 } });
    const { certificate: cert, privateKey: key } = test.adminCertificate;
    const agent = new Agent({ keepAlive: true, ca: test.server.pki.caCertificate, cert, key });
    const body = JSON.stringify({ metadata: { name: 'late' } });
    const sent = request(new URL(maps, test.url), {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' },
    });
    sent.flushHeaders();
    await once(sent, 'continue');
    const [stopped] = started.splice(0);
    const stopping = stopped?.stop();
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(201);
    await textOf(response);
    await stopping;
    agent.destroy();
  });

  it('ends watches cleanly and answers what is in work', async () => {
    await start();
    const watch = await open(`${maps}?watch=1`);
    const idle = new Agent({ keepAlive: true });
    await textOf(await open('/readyz', { agent: idle }));
    const watched = textOf(watch);
    const inWork = Array.from({ length: 20 }, (_, index) => made(`in-work-${index}`));
    // They are on their way when the first of them is answered.
    await inWork[0];
    const [stopped] = started.splice(0);
    const stopping = stopped?.stop();
    const codes = await Promise.all(inWork.map((answer) => answer.then(({ status }) => status).catch(String)));
    expect(codes.filter((code) => typeof code === 'number' && code !== 201)).toEqual([]);
    await watched;
    expect(watch.complete).toBe(true);
    await stopping;
    idle.destroy();
  });
});
