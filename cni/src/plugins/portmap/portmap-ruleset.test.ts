import { parsePortmapConfig } from './portmap-config.ts';
import { portmapElements } from './portmap-ruleset.ts';

const configOf = (portMappings: unknown, more = {}) =>
  parsePortmapConfig({ name: 'n', type: 'portmap', runtimeConfig: { portMappings } as never, ...more });
const dual = { ipv4: '10.64.0.5/24', ipv6: 'fd00::5/64' };
const elementsOf = (
  portMappings: unknown,
  addresses: { ipv4: string | undefined; ipv6: string | undefined } = dual,
  more = {},
) =>
  portmapElements(configOf(portMappings, more), addresses, 'n/c1/eth0 uid').map(({ set, key, keyEnd, value }) =>
    [set, key, keyEnd, value].map((part) => (part instanceof Uint8Array ? Buffer.from(part).toString('hex') : part)),
  );

describe('portmap elements', () => {
  it('map a port of every address, per family that the container has', () => {
    expect(elementsOf([{ hostPort: 8080, containerPort: 80 }])).toEqual([
      ['any4', '060000001f900000', undefined, '0a40000500500000'],
      ['hairpin4', '0a4000000a400005', '0a4000ff0a400005', undefined],
      ['any6', '060000001f900000', undefined, 'fd00000000000000000000000000000500500000'],
      [
        'hairpin6',
        'fd000000000000000000000000000000fd000000000000000000000000000005',
        'fd00000000000000fffffffffffffffffd000000000000000000000000000005',
        undefined,
      ],
    ]);
    expect(
      elementsOf([{ hostPort: 8080, containerPort: 80 }], { ...dual, ipv6: undefined }, { snat: false }),
    ).toHaveLength(1);
  });

  it('limit a mapping to its host address and that address’s family', () => {
    const one = [{ hostPort: 53, containerPort: 5353, protocol: 'UDP', hostIP: '192.0.2.9' }];
    expect(elementsOf(one, dual, { snat: false })).toEqual([
      ['one4', 'c00002091100000000350000', undefined, '0a40000514e90000'],
    ]);
    const any6 = [{ hostPort: 53, containerPort: 5353, hostIP: '::' }];
    expect(elementsOf(any6, dual, { snat: false }).map(([set]) => set)).toEqual(['any6']);
  });

  it('count a range out', () => {
    const elements = elementsOf([{ hostPort: 7000, containerPort: 80, range: 3 }], { ...dual, ipv6: undefined });
    expect(elements.map(([set, key, , value]) => [set, key?.slice(8, 12), value?.slice(8, 12)]).slice(0, 3)).toEqual([
      ['any4', '1b58', '0050'],
      ['any4', '1b59', '0051'],
      ['any4', '1b5a', '0052'],
    ]);
  });

  it('masquerade for everybody when asked to', () => {
    const [, hairpin] = elementsOf([{ hostPort: 1, containerPort: 1 }], dual, { masqAll: true });
    expect(hairpin?.slice(1, 3)).toEqual(['000000000a400005', 'ffffffff0a400005']);
  });

  it.each<[unknown, string, object?]>([
    [[{ hostPort: 0, containerPort: 80 }], 'invalid host port'],
    [[{ hostPort: 80, containerPort: 70_000 }], 'invalid container port'],
    [[{ hostPort: 65_535, containerPort: 80, range: 2 }], 'invalid host port number: 65535 and 1 more'],
    [[{ hostPort: 80, containerPort: 80, protocol: 'icmp' }], 'portMappings[0]: invalid protocol'],
    [[{ hostPort: 80, containerPort: 80, hostIP: 'x' }], 'invalid IP address'],
    [['80:80'], 'runtimeConfig.portMappings[0]: expected an object'],
    ['80:80', 'not a list'],
    [
      [
        { hostPort: 80, containerPort: 80 },
        { hostPort: 80, containerPort: 81 },
      ],
      'host port 80/tcp is mapped twice',
    ],
    [[], 'conditionsV4 is not supported', { conditionsV4: ['-s', '1.2.3.4'] }],
    [[], 'externalSetMarkChain is not supported', { externalSetMarkChain: 'KUBE-MARK-MASQ' }],
    [[], 'there is only nftables', { backend: 'iptables' }],
    [[], 'markMasqBit must be', { markMasqBit: 32 }],
  ])('refuse %j: %s', (mappings, message, more = {}) => {
    expect(() => configOf(mappings, more)).toThrow(message);
  });
});
