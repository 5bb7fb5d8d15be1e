import type { Endpoints, Pod, Service } from '@slipway/api/types';
import { seededRandom } from '@slipway/kit/random';
import { isProxyable, parseProxyName, targetOfPod, targetOfService } from './proxy-target.ts';

const name = (text: string) => parseProxyName(text) ?? { scheme: 'http' as const, name: 'none', port: 'none' };

describe('parseProxyName', () => {
  it.each([
    ['web', { scheme: 'http', name: 'web', port: '' }],
    ['web:80', { scheme: 'http', name: 'web', port: '80' }],
    ['https:web:', { scheme: 'https', name: 'web', port: '' }],
    ['http:web:main', { scheme: 'http', name: 'web', port: 'main' }],
    ['ftp:web:1', undefined],
    [':web', undefined],
    ['a:b:c:d', undefined],
  ])('reads %s', (text, expected) => {
    expect(parseProxyName(text)).toEqual(expected);
  });
});

describe('targetOfPod', () => {
  const pod = {
    metadata: { namespace: 'shop', name: 'web-0' },
    spec: { containers: [{ name: 'a' }, { name: 'b', ports: [{ name: 'main', containerPort: 8080 }] }] },
    status: { podIP: '10.64.0.5' },
  } as Pod;

  it.each([
    ['web-0', 8080],
    ['web-0:main', 8080],
    ['web-0:9', 9],
  ])('finds the port of %s', (text, port) => {
    const expected = { scheme: 'http', address: '10.64.0.5', port, pod: { namespace: 'shop', name: 'web-0' } };
    expect(targetOfPod(name(text), pod)).toEqual(expected);
  });

  it('refuses a port that is none, and a pod without an address', () => {
    expect(() => targetOfPod(name('web-0:nope'), pod)).toThrow('invalid pod request "web-0:nope"');
    expect(() => targetOfPod(name('web-0'), { ...pod, status: {} })).toThrow('address not allowed');
  });
});

describe('targetOfService', () => {
  const service = {
    metadata: { namespace: 'shop', name: 'web' },
    spec: {
      ports: [
        { name: 'main', port: 80 },
        { name: 'side', port: 81 },
      ],
    },
  } as Service;
  const endpoints = {
    subsets: [
      {
        addresses: [{ ip: '10.64.0.5', targetRef: { kind: 'Pod', name: 'web-0' } }, { ip: '192.0.2.1' }],
        ports: [
          { name: 'main', port: 8080 },
          { name: 'side', port: 8081 },
        ],
      },
    ],
  } as Endpoints;
  const random = seededRandom(1);
  const targets = (text: string) =>
    Array.from({ length: 20 }, () => targetOfService(name(text), service, endpoints, random));

  it.each([
    ['web', 8080],
    ['web:80', 8080],
    ['web:side', 8081],
    ['web:81', 8081],
  ])('draws an endpoint for %s', (text, port) => {
    expect(new Set(targets(text).map((each) => each.address)).size).toBe(2);
    expect(new Set(targets(text).map((each) => each.port))).toEqual(new Set([port]));
    expect(targets(text).find((each) => each.pod)?.pod).toEqual({ namespace: 'shop', name: 'web-0' });
  });

  it('says what is missing', () => {
    expect(() => targets('web:82')).toThrow('no service port 82 found for service "web"');
    expect(() => targets('web:nope')).toThrow('no endpoints available for service "web"');
    expect(() => targetOfService(name('web'), service, undefined, random)).toThrow('no endpoints available');
  });
});

describe('isProxyable', () => {
  it.each(['127.0.0.1', '169.254.169.254', '::1', 'fe80::1', '::ffff:127.0.0.1', '224.0.0.1', '0.0.0.0', 'x'])(
    'not %s',
    (address) => {
      expect(isProxyable(address)).toBe(false);
    },
  );
  it.each(['10.64.0.5', '192.168.1.1', 'fd00::1'])('%s', (address) => {
    expect(isProxyable(address)).toBe(true);
  });
});
