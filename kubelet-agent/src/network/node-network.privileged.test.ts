import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '@slipway/cni/testing';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';

const main = fileURLToPath(new URL('./testing/node-process.ts', import.meta.url));
const timeoutMs = 30_000;

/** The process itself lives in the namespace that plays the node, as it does on a real one. */
describeWithNetwork('networking of a node', () => {
  let network: TestNetwork;
  let pods: string[];
  const stop = new AbortController();
  let running: Promise<unknown>;
  let settings: Record<string, unknown>;
  let routesBefore: string;
  let forwardBefore: string;

  const startProcess = (given: Record<string, unknown>, signal: AbortSignal) =>
    exec('nsenter', [`--net=${network.hostNetns}`, process.execPath, main, JSON.stringify(given)], { signal });

  beforeAll(async () => {
    network = await createTestNetwork();
    pods = [await network.addNetns(), await network.addNetns()];
    forwardBefore = await network.run(network.hostNetns, 'cat', '/proc/sys/net/ipv4/ip_forward');
    routesBefore = await network.run(network.hostNetns, 'ip', 'route', 'show', 'table', 'all');
    pods.forEach((netns, i) => {
      network.serve(netns, 8080, `pod-${i}`);
    });
    const resolvConf = join(network.directory, 'resolv.conf');
    await writeFile(resolvConf, 'nameserver 127.0.0.1\n');
    settings = { dataDir: network.directory, clusterId: 'test3', resolvConf, podNetns: pods };
    running = startProcess(settings, stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    running.catch(() => {}); // shown by the tests, which then get no answer
    await untilAnswered(() => lookUp('web.default.svc.cluster.local'));
  }, timeoutMs);
  afterAll(async () => {
    stop.abort();
    await running;
    await network?.remove();
  });

  const lookUp = (name: string) => network.run(pods[0] ?? '', 'busybox', 'nslookup', '-type=a', name, '10.96.0.10');

  it('answers names of services to pods', async () => {
    expect(await lookUp('web.default.svc.cluster.local')).toContain('10.96.0.50');
    await expect(lookUp('nope.default.svc.cluster.local')).rejects.toThrow(/NXDOMAIN|can't find/);
  });

  it('serves the address that the name gives', async () => {
    expect(await network.fetch(pods[0] ?? '', '10.96.0.50', 80)).toMatch(/^pod-/);
    expect(await network.fetch(network.hostNetns, '10.96.0.50', 80)).toMatch(/^pod-/);
  });

  it('goes on serving when the agent is killed', async () => {
    stop.abort();
    await running;
    expect(await network.fetch(pods[1] ?? '', '10.96.0.50', 80)).toMatch(/^pod-/);
    const links = await network.host.ipShow(['link', 'show'], { signal: neverAborted });
    expect(links.filter((link) => String(link.ifalias).startsWith('slipway:test3/'))).toHaveLength(3);
  });

  it('leaves nothing behind when removed', async () => {
    // As for a load balancer.
    const balanced = 'address add 192.0.2.9/32 dev lo label lo:swtest3 valid_lft 60 preferred_lft 0';
    await network.host.ip([balanced], { signal: neverAborted });
    await startProcess({ ...settings, remove: true }, neverAborted);
    const show = (...command: [string, ...string[]]) => network.run(network.hostNetns, ...command);
    expect(await show('ip', '-o', 'link', 'show')).not.toContain('sw');
    expect(await show('ip', 'address', 'show', 'dev', 'lo')).not.toContain('192.0.2.9');
    expect(await show('nft', 'list', 'tables')).toBe('');
    expect(await show('ip', 'route', 'show', 'table', 'all')).toBe(routesBefore);
    expect(await show('cat', '/proc/sys/net/ipv4/ip_forward')).toBe(forwardBefore);
  });

  async function untilAnswered(ask: () => Promise<string>): Promise<void> {
    for (let i = 0; ; i++) {
      try {
        await ask();
        return;
      } catch (error) {
        if (i === 100) throw error;
        await systemClock.sleep(100, neverAborted); // asked again: nothing here tells when another process is ready
      }
    }
  }
});
