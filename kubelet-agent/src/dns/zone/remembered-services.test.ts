import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EndpointSlice, Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { silentLogger } from '@slipway/kit/logger';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { aService, aSlice } from '../../proxy/builders.ts';
import { RememberedServices } from './remembered-services.ts';
import { ServiceDirectory } from './service-directory.ts';

describe('RememberedServices', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-dns-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let path = '';
  let count = 0;
  beforeEach(() => {
    path = join(folder, String(count++), 'names.json');
  });

  const start = async (isSynced: boolean) => {
    const services = new ObjectCache<Service>();
    const endpointSlices = new ObjectCache<EndpointSlice>();
    if (isSynced) {
      services.replace(
        [
          aService({ name: 'web', clusterIp: '10.96.0.20' }),
          aService({ name: 'db', clusterIp: 'None' }),
          aService({ name: 'other', clusterIp: '10.96.0.21' }),
        ],
        1n,
      );
      endpointSlices.replace([aSlice({ service: 'db', addresses: ['10.64.0.5'] })], 1n);
    }
    const clock = new VirtualClock();
    const names = new RememberedServices(new ServiceDirectory({ services, endpointSlices }, clock), {
      path,
      clock,
      log: silentLogger,
    });
    const stop = new AbortController();
    const running = names.run(stop.signal);
    await names.loaded;
    return {
      names,
      services,
      endpointSlices,
      end: async () => {
        stop.abort();
        await running;
      },
    };
  };

  it('answers what was asked for before, when the API server is away after a restart', async () => {
    const before = await start(true);
    before.names.service('default', 'web');
    before.names.service('default', 'db');
    await before.end();
    const after = await start(false);
    expect(after.names.isReady).toBe(false);
    expect(after.names.service('default', 'web')).toMatchObject({ clusterIps: ['10.96.0.20'] });
    expect(after.names.endpoints('default', 'db')).toMatchObject([{ address: '10.64.0.5', hostname: '10-64-0-5' }]);
    expect(after.names.hasNamespace('default')).toBe(true);
    expect(after.names.service('default', 'other')).toBeUndefined();
    await after.end();
    expect(readFileSync(path, 'utf8')).toContain('"web"');
  });

  it('counts for nothing once the cluster is known', async () => {
    const before = await start(true);
    before.names.service('default', 'web');
    await before.end();
    const after = await start(false);
    after.services.replace([], 2n);
    after.endpointSlices.replace([], 2n);
    expect(after.names.service('default', 'web')).toBeUndefined();
    await after.end();
    expect(readFileSync(path, 'utf8')).not.toContain('"web"');
  });

  it('does without a file, and without one that can be read', async () => {
    const first = await start(false);
    expect(first.names.service('default', 'web')).toBeUndefined();
    await first.end();
    const broken = await start(true);
    broken.names.service('default', 'web');
    await broken.end();
    writeFileSync(path, '{"version":1,"services":[{}]}');
    const after = await start(false);
    expect(after.names.service('default', 'web')).toBeUndefined();
    await after.end();
  });
});
