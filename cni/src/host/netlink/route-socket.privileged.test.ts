import { neverAborted } from '@slipway/kit/abort';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '../../conformance/test-network.ts';
import type { KernelError } from '../host.ts';
import type { LinkStep } from '../link-step.ts';

/** What `ip` shows of what was done without it. */
describeWithNetwork('links, addresses and routes by netlink', () => {
  let network: TestNetwork;
  let netns: string;
  const signal = neverAborted;
  const pair = (): LinkStep => ({
    step: 'addVethPair',
    name: 'swt-host',
    mac: '0a:00:00:00:00:01',
    mtu: 1400,
    peer: { name: 'eth0', mac: '0a:00:00:00:00:02', netns },
  });

  beforeEach(async () => {
    network = await createTestNetwork();
    netns = await network.addNetns();
    await network.host.ip(['link add swt-br type bridge'], { signal });
  });
  afterEach(() => network?.remove());

  it('makes a pair with its far end in the container, and a port of the bridge', async () => {
    const name = 'swt-host';
    await network.host.link(
      [
        pair(),
        { step: 'setLink', name, isUp: true, alias: 'slipway:test/whose', master: 'swt-br' },
        { step: 'setBridgePort', name, hairpin: true, isolated: true },
      ],
      { signal },
    );
    const [near] = await network.host.ipShow(['link', 'show', 'dev', name], { signal });
    expect(near).toMatchObject({
      address: '0a:00:00:00:00:01',
      mtu: 1400,
      ifalias: 'slipway:test/whose',
      master: 'swt-br',
      flags: expect.arrayContaining(['UP']),
      linkinfo: { info_kind: 'veth', info_slave_data: { hairpin: true, isolated: true } },
    });
    const [far] = await network.host.ipShow(['link', 'show', 'dev', 'eth0'], { signal, netns });
    expect(far).toMatchObject({ address: '0a:00:00:00:00:02', mtu: 1400 });
    await network.host.link([{ step: 'deleteLink', name }], { signal });
    expect(await network.host.ipShow(['link', 'show', 'dev', 'eth0'], { signal, netns })).toEqual([]);
  });

  it('gives addresses and all kinds of routes', async () => {
    const link = 'eth0';
    await network.host.link([pair(), { step: 'setLink', name: 'swt-host', isUp: true }], { signal });
    await network.host.link(
      [
        { step: 'addAddress', link, address: '10.1.0.5/32', skipsDuplicateDetection: true },
        { step: 'addAddress', link, address: 'fd00::5/64', skipsDuplicateDetection: true },
        { step: 'setLink', name: link, isUp: true },
        { step: 'addRoute', link, destination: '10.1.0.1' },
        { step: 'addRoute', link, destination: '0.0.0.0/0', gateway: '10.1.0.1' },
        {
          step: 'addRoute',
          link,
          destination: '10.2.0.0/16',
          gateway: '10.1.0.1',
          mtu: 1300,
          advmss: 1200,
          priority: 5,
        },
        { step: 'addRoute', link, destination: '10.3.0.0/16', table: 1000, scope: 253 },
        { step: 'addRoute', link, destination: '::/0', gateway: 'fd00::1' },
      ],
      { signal, netns },
    );
    const [shown] = await network.host.ipShow(['address', 'show', 'dev', link], { signal, netns });
    const addresses = shown?.addr_info as { local: string; prefixlen: number; scope: string; tentative?: boolean }[];
    expect(addresses).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ local: '10.1.0.5', prefixlen: 32, scope: 'global' }),
        expect.objectContaining({ local: 'fd00::5', prefixlen: 64, nodad: true }),
      ]),
    );
    const routes = await network.host.ipShow(['route', 'show', 'table', 'all', 'dev', link], { signal, netns });
    expect(routes).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ dst: '10.1.0.1', scope: 'link' }),
        expect.objectContaining({ dst: 'default', gateway: '10.1.0.1' }),
        expect.objectContaining({ dst: '10.2.0.0/16', metric: 5, metrics: [{ mtu: 1300, advmss: 1200 }] }),
        expect.objectContaining({ dst: '10.3.0.0/16', table: '1000', scope: 'link' }),
      ]),
    );
    const routes6 = await network.host.ipShow(['-6', 'route', 'show', 'dev', link], { signal, netns });
    expect(routes6).toContainEqual(expect.objectContaining({ dst: 'default', gateway: 'fd00::1' }));
  });

  it('says what the kernel refused, and whether it is there already or is missing', async () => {
    const fails = (step: LinkStep, where: { netns?: string } = {}) =>
      network.host.link([step], { signal, ...where }).then(
        () => undefined,
        (error: KernelError) => error,
      );
    await network.host.link([pair()], { signal });
    expect(await fails(pair())).toMatchObject({ isExisting: true, isMissing: false });
    expect(await fails({ step: 'deleteLink', name: 'swt-none' })).toMatchObject({ isMissing: true });
    expect(await fails({ step: 'setLink', name: 'swt-host', isUp: true, master: 'swt-none' })).toMatchObject({
      isMissing: true,
      message: 'find link swt-none: Cannot find device',
    });
    const route = { step: 'addRoute', link: 'eth0', destination: '0.0.0.0/0', gateway: '10.9.9.9' } as const;
    expect((await fails(route, { netns }))?.message).toMatch(/^add route 0.0.0.0\/0 via 10.9.9.9 on link eth0: \S+/);
    expect(await fails({ step: 'setLink', name: 'lo', isUp: true }, { netns: '/run/netns/none' })).toBeDefined();
  });
});
