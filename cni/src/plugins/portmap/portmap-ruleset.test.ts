import type { NftObject } from '../../host/host.ts';
import { parsePortmapConfig } from './portmap-config.ts';
import { addScript, elementsFrom, listedElements, removeScript } from './portmap-ruleset.ts';

const mappingsOf = (portMappings: unknown) =>
  parsePortmapConfig({ name: 'n', type: 'portmap', runtimeConfig: { portMappings } as never }).mappings;
const dual = { ipv4: '10.64.0.5/24', ipv6: 'fd00::5/64' };

describe('portmap ruleset', () => {
  it('maps a port of every address, per family that the container has', () => {
    const mappings = mappingsOf([{ hostPort: 8080, containerPort: 80 }]);
    expect(elementsFrom(mappings, dual, true)).toEqual([
      { into: 'any4', key: '6 . 8080', value: '10.64.0.5 . 80' },
      { into: 'hairpin4', key: '10.64.0.0/24 . 10.64.0.5', value: undefined },
      { into: 'any6', key: '6 . 8080', value: 'fd00::5 . 80' },
      { into: 'hairpin6', key: 'fd00::/64 . fd00::5', value: undefined },
    ]);
    expect(elementsFrom(mappings, { ipv4: dual.ipv4, ipv6: undefined }, false)).toHaveLength(1);
  });

  it('limits a mapping to its host address and that address’s family', () => {
    const one = mappingsOf([{ hostPort: 53, containerPort: 5353, protocol: 'UDP', hostIP: '192.0.2.9' }]);
    expect(elementsFrom(one, dual, false)).toEqual([
      { into: 'one4', key: '192.0.2.9 . 17 . 53', value: '10.64.0.5 . 5353' },
    ]);
    const any6 = mappingsOf([{ hostPort: 53, containerPort: 5353, hostIP: '::' }]);
    expect(elementsFrom(any6, dual, false).map(({ into }) => into)).toEqual(['any6']);
  });

  it('finds its elements again in a listing, and removes them', () => {
    const listing: NftObject[] = [
      {
        map: {
          name: 'any4',
          elem: [[{ elem: { val: { concat: ['tcp', 8080] }, comment: 'c1/eth0 uid' } }, { concat: ['10.64.0.5', 80] }]],
        },
      },
      {
        set: {
          name: 'hairpin4',
          elem: [
            {
              elem: {
                val: { concat: [{ prefix: { addr: '10.64.0.0', len: 24 } }, '10.64.0.5'] },
                comment: 'c1/eth0 uid',
              },
            },
          ],
        },
      },
    ];
    const elements = listedElements(listing);
    expect(elements.every(({ comment }) => comment === 'c1/eth0 uid')).toBe(true);
    expect(removeScript('t', elements)).toBe(
      'delete element inet t any4 { tcp . 8080 }\ndelete element inet t hairpin4 { 10.64.0.0/24 . 10.64.0.5 }\n',
    );
  });

  it('names the attachment with each element', () => {
    const elements = elementsFrom(mappingsOf([{ hostPort: 1, containerPort: 2 }]), dual, false);
    expect(addScript('t', elements, 'c1/eth0 uid')).toContain('any4 { 6 . 1 comment "c1/eth0 uid" : 10.64.0.5 . 2 }');
  });

  it.each([
    [[{ hostPort: 0, containerPort: 80 }], 'invalid host port'],
    [[{ hostPort: 80, containerPort: 70_000 }], 'invalid container port'],
    [[{ hostPort: 80, containerPort: 80, protocol: 'icmp' }], 'invalid protocol'],
    [[{ hostPort: 80, containerPort: 80, hostIP: 'x' }], 'invalid IP address'],
    ['80:80', 'not a list'],
  ])('refuses %j', (mappings, message) => {
    expect(() => mappingsOf(mappings)).toThrow(message);
  });
});
