import { decodeResult, encodeResult } from './result.ts';
import type { CniResult } from './types.ts';
import { negotiateVersion, supportedVersions } from './versions.ts';

const result: CniResult = {
  interfaces: [
    { name: 'sw0', mac: '0a:00:00:00:00:01' },
    { name: 'eth0', mac: '0a:00:00:00:00:02', mtu: 1400, sandbox: '/run/netns/x' },
  ],
  ips: [
    { address: '10.64.0.5/24', gateway: '10.64.0.1', interface: 1 },
    { address: 'fd00::5/64', interface: 1 },
  ],
  routes: [{ dst: '0.0.0.0/0', gw: '10.64.0.1', mtu: 1300 }],
  dns: { nameservers: ['10.96.0.10'] },
};

describe('results', () => {
  it('loses nothing in 1.1.0', () => {
    expect(decodeResult(encodeResult(result, '1.1.0'))).toEqual(result);
  });

  it('names the family of each address before 1.0.0', () => {
    for (const version of supportedVersions) {
      const versions = (encodeResult(result, version).ips as { version?: string }[]).map((ip) => ip.version);
      expect(versions).toEqual(version.startsWith('0.') ? ['4', '6'] : [undefined, undefined]);
      expect(decodeResult(encodeResult(result, version)).ips).toEqual(result.ips);
    }
  });

  it('leaves out what older versions do not know', () => {
    const old = encodeResult(result, '1.0.0') as unknown as CniResult;
    expect(old.interfaces[1]).not.toHaveProperty('mtu');
    expect(old.routes[0]).toEqual({ dst: '0.0.0.0/0', gw: '10.64.0.1' });
  });

  it.each([null, [], 'x', { ips: {} }, { ips: [{}] }, { routes: [{}] }, { interfaces: [{ name: 1 }] }])(
    'refuses %j',
    (raw) => {
      expect(() => decodeResult(raw)).toThrow();
    },
  );
});

describe('negotiateVersion', () => {
  it('takes the newest that both know', () => {
    expect(negotiateVersion('1.0.0', ['0.4.0', '1.0.0', '1.1.0', '2.0.0'])).toBe('1.1.0');
    expect(negotiateVersion('0.4.0', undefined)).toBe('0.4.0');
    expect(() => negotiateVersion('2.0.0', ['3.0.0'])).toThrow('incompatible CNI versions');
  });
});
