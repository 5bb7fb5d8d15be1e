import { Resolver } from 'node:dns/promises';
import type { EndpointSlice, Pod, Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { aService, aSlice } from '../proxy/builders.ts';
import { createClusterDns } from './compose-dns.ts';
import type { Upstream } from './forward/exchange.ts';

/** A cluster's server, and another one that plays the server of the host. Node's own resolver is the client. */
describe('DnsServer', () => {
  const controller = new AbortController();
  const running: Promise<void>[] = [];
  const services = new ObjectCache<Service>();
  const endpointSlices = new ObjectCache<EndpointSlice>();
  const pods = new ObjectCache<Pod>();
  let resolver: Resolver;
  let port: number;

  const startServer = async (domain: string, upstreams: readonly Upstream[]) => {
    const server = createClusterDns(
      {
        clock: systemClock,
        random: systemRandom,
        log: silentLogger,
        services,
        endpointSlices,
        pods,
        hostResolvers: async () => upstreams,
      },
      { address: '127.0.0.1', port: 0, clusterDomain: domain, ownNetworks: ['10.96.0.0/16'] },
    );
    running.push(server.run(controller.signal));
    return (await server.ready).port;
  };

  beforeAll(async () => {
    services.replace(
      [aService({ name: 'web', clusterIp: '10.96.0.20' }), aService({ name: 'db', clusterIp: 'None' })],
      1n,
    );
    const addresses = Array.from({ length: 60 }, (_, i) => `10.64.0.${i + 2}`);
    endpointSlices.replace([aSlice({ service: 'db', addresses })], 1n);
    const upstream = await startServer('example.com', []);
    port = await startServer('cluster.local', [
      { address: '127.0.0.1', port: 1 },
      { address: '127.0.0.1', port: upstream },
    ]);
    resolver = new Resolver({ timeout: 3000, tries: 1 });
    resolver.setServers([`127.0.0.1:${port}`]);
  });
  afterAll(async () => {
    controller.abort();
    await Promise.all(running);
  });

  it('answers services, endpoints and reverse names', async () => {
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['10.96.0.20']);
    expect(await resolver.reverse('10.96.0.20')).toEqual(['web.default.svc.cluster.local']);
    await expect(resolver.resolve4('nope.default.svc.cluster.local')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolve6('web.default.svc.cluster.local')).rejects.toMatchObject({ code: 'ENODATA' });
  });

  it('gives long answers over TCP', async () => {
    expect(await resolver.resolve4('db.default.svc.cluster.local')).toHaveLength(60);
  });

  it('asks the host’s servers, the next when one does not answer', async () => {
    expect(await resolver.resolve4('web.default.svc.example.com')).toEqual(['10.96.0.20']);
  });

  it('follows changes', async () => {
    services.apply([{ object: aService({ name: 'late', clusterIp: '10.96.0.30' }), gone: false }], 2n);
    expect(await resolver.resolve4('late.default.svc.cluster.local')).toEqual(['10.96.0.30']);
    expect(await resolver.reverse('10.96.0.30')).toEqual(['late.default.svc.cluster.local']);
    services.apply([{ object: aService({ name: 'late', clusterIp: '10.96.0.30' }), gone: true }], 3n);
    await expect(resolver.resolve4('late.default.svc.cluster.local')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
