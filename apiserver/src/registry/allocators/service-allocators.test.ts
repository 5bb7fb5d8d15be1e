import type { Service, ServiceSpec } from '@slipway/api/types';
import { seededRandom } from '@slipway/kit/random';
import fc from 'fast-check';
import { allocateService } from './allocate-service.ts';
import { heldBy } from './holdings.ts';
import { createServiceAllocators, restoreServiceAllocations } from './service-allocators.ts';

const service = (spec: ServiceSpec, name = 'web'): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { type: 'ClusterIP', ...spec },
});
const call = { random: seededRandom(1), dryRun: false };
const small = () =>
  createServiceAllocators({ serviceCidr: '10.96.0.0/24', nodePortRange: { first: 30000, last: 30031 } });

describe('allocateService', () => {
  it('fills in an address above the band for static ones', async () => {
    const allocators = small();
    const draft = service({});
    await (await allocateService(allocators, draft, undefined, call)).commit();
    const last = Number(draft.spec.clusterIP?.split('.')[3]);
    expect(draft.spec.clusterIPs).toEqual([draft.spec.clusterIP]);
    expect(last).toBeGreaterThan(16);
    expect(allocators.clusterIps.free).toBe(253);
  });

  it('gives one address once', async () => {
    const allocators = small();
    await (await allocateService(allocators, service({ clusterIPs: ['10.96.0.10'] }), undefined, call)).commit();
    await expect(
      allocateService(allocators, service({ clusterIPs: ['10.96.0.10'] }, 'b'), undefined, call),
    ).rejects.toThrow(
      'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    );
    await expect(
      allocateService(allocators, service({ clusterIPs: ['10.97.0.1'] }, 'b'), undefined, call),
    ).rejects.toThrow(
      'failed to allocate IP 10.97.0.1: the provided IP (10.97.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/24',
    );
    await expect(
      allocateService(allocators, service({ clusterIPs: ['10.96.0.0'] }, 'b'), undefined, call),
    ).rejects.toThrow('not in the valid range');
  });

  it('gives one port once, but to all protocols of one service', async () => {
    const allocators = small();
    const ports = [
      { port: 53, protocol: 'TCP', nodePort: 30001 },
      { port: 53, protocol: 'UDP', nodePort: 30001 },
    ];
    await (await allocateService(allocators, service({ type: 'NodePort', ports }), undefined, call)).commit();
    const again = service({ type: 'NodePort', ports: [{ port: 1, nodePort: 30001 }] }, 'b');
    const free = allocators.clusterIps.free;
    await expect(allocateService(allocators, again, undefined, call)).rejects.toThrow(
      'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated',
    );
    expect(allocators.clusterIps.free).toBe(free);
    const outside = service({ type: 'NodePort', ports: [{ port: 1, nodePort: 80 }] }, 'b');
    await expect(allocateService(allocators, outside, undefined, call)).rejects.toThrow(
      'provided port is not in the valid range. The range of valid ports is 30000-30031',
    );
  });

  it('shares a port that nobody chose among protocols', async () => {
    const ports = [
      { port: 53, protocol: 'TCP' },
      { port: 53, protocol: 'UDP' },
      { port: 54, protocol: 'TCP' },
    ];
    const draft = service({ type: 'NodePort', ports });
    await (await allocateService(small(), draft, undefined, call)).commit();
    const [tcp, udp, other] = draft.spec.ports ?? [];
    expect(tcp?.nodePort).toBe(udp?.nodePort);
    expect(other?.nodePort).not.toBe(tcp?.nodePort);
    expect(tcp?.nodePort).toBeGreaterThanOrEqual(30016);
  });

  it('leaves headless and external services alone', async () => {
    const allocators = small();
    await (
      await allocateService(allocators, service({ clusterIP: 'None', clusterIPs: ['None'] }), undefined, call)
    ).commit();
    const external = service({ type: 'ExternalName', externalName: 'a.b' });
    await (await allocateService(allocators, external, undefined, call)).commit();
    expect(external.spec.clusterIP).toBeUndefined();
    expect(allocators.clusterIps.free).toBe(254);
  });

  it('takes nothing in a dry run and says the same', async () => {
    const allocators = small();
    const draft = service({ type: 'NodePort', ports: [{ port: 80 }] });
    const allocation = await allocateService(allocators, draft, undefined, { ...call, dryRun: true });
    expect(draft.spec.clusterIP).toBeDefined();
    expect([allocators.clusterIps.free, allocators.nodePorts.free]).toEqual([254, 32]);
    await allocation.rollback();
    await allocation.commit();
    expect([allocators.clusterIps.free, allocators.nodePorts.free]).toEqual([254, 32]);
  });

  it('gives back what a type needs no more, once it is written', async () => {
    const allocators = small();
    const old = service({ type: 'NodePort', ports: [{ port: 80 }] });
    await (await allocateService(allocators, old, undefined, call)).commit();
    const draft = service({ ...structuredClone(old.spec), type: 'ClusterIP', ports: [{ port: 80 }] });
    const allocation = await allocateService(allocators, draft, old, call);
    expect(allocators.nodePorts.free).toBe(31);
    await allocation.commit();
    expect([allocators.clusterIps.free, allocators.nodePorts.free]).toEqual([253, 32]);
    await (await allocateService(allocators, undefined, draft, call)).commit();
    expect(allocators.clusterIps.free).toBe(254);
  });

  it('says when nothing is left', async () => {
    const allocators = createServiceAllocators({ serviceCidr: '10.0.0.0/30' });
    for (const name of ['a', 'b'])
      await (await allocateService(allocators, service({}, name), undefined, call)).commit();
    await expect(allocateService(allocators, service({}, 'c'), undefined, call)).rejects.toThrow(
      'failed to allocate a serviceIP: range is full',
    );
  });

  it('has the first address for the API and the tenth for DNS', async () => {
    const { clusterIps } = small();
    expect([clusterIps.nth(1), clusterIps.nth(10)]).toEqual(['10.96.0.1', '10.96.0.10']);
  });
});

describe('restoreServiceAllocations', () => {
  it('takes what is stored, and tells what cannot be', async () => {
    const allocators = small();
    const stored = [
      service({ clusterIPs: ['10.96.0.5'], type: 'NodePort', ports: [{ port: 1, nodePort: 30005 }] }, 'a'),
      service({ clusterIPs: ['10.96.0.5'] }, 'b'),
      service({ clusterIPs: ['10.1.0.5'] }, 'c'),
    ];
    expect(restoreServiceAllocations(allocators, stored)).toEqual([
      'service default/b, cluster IP 10.96.0.5: provided IP is already allocated',
      'service default/c, cluster IP 10.1.0.5: the provided IP (10.1.0.5) is not in the valid range. The range of valid IPs is 10.96.0.0/24',
    ]);
    expect([allocators.clusterIps.free, allocators.nodePorts.free]).toEqual([253, 31]);
  });
});

describe('any sequence of requests', () => {
  it('leaves taken exactly what the stored services hold', async () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName', 'delete'),
      address: fc.constantFrom(undefined, 'None', '10.0.0.1', '10.0.0.2', '10.0.0.9'),
      nodePort: fc.constantFrom(undefined, 30000, 30001, 30009),
      stored: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer(), async (steps, seed) => {
        const allocators = createServiceAllocators({
          serviceCidr: '10.0.0.0/29',
          nodePortRange: { first: 30000, last: 30003 },
        });
        const random = seededRandom(seed);
        const stored = new Map<string, Service>();
        for (const { name, type, address, nodePort, stored: isStored } of steps) {
          const old = stored.get(name);
          const draft =
            type === 'delete'
              ? undefined
              : service({ type, ...(address ? { clusterIPs: [address] } : {}), ports: [{ port: 80, nodePort }] }, name);
          if (draft && type === 'ClusterIP') draft.spec.ports = [{ port: 80 }];
          try {
            const allocation = await allocateService(allocators, draft, old, { random, dryRun: false });
            if (!isStored) await allocation.rollback();
            else {
              await allocation.commit();
              if (draft) stored.set(name, draft);
              else stored.delete(name);
            }
          } catch (error) {
            expect((error as Error).name).toBe('StatusError');
          }
          const held = [...stored.values()].map(heldBy);
          const addresses = held.flatMap((holdings) => [...holdings.addresses]);
          const ports = held.flatMap((holdings) => [...holdings.ports]);
          expect(new Set(addresses).size).toBe(addresses.length);
          expect(new Set(ports).size).toBe(ports.length);
          expect(allocators.clusterIps.free).toBe(6 - addresses.length);
          expect(allocators.nodePorts.free).toBe(4 - ports.length);
        }
      }),
    );
  });
});
