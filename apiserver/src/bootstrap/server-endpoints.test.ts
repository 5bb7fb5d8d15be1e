import { slicesOf } from './server-endpoints.ts';

describe('slicesOf', () => {
  const brief = (endpoints: Parameters<typeof slicesOf>[0]) =>
    slicesOf(endpoints).map(({ metadata, endpoints, ports }) => [
      metadata.name,
      endpoints?.flatMap(({ addresses }) => addresses),
      ports?.[0]?.port,
    ]);

  it('puts servers on one port into one slice, each once', () => {
    expect(
      brief([
        { address: '10.0.0.2', port: 6443 },
        { address: '10.0.0.1', port: 6443 },
        { address: '10.0.0.2', port: 6443 },
      ]),
    ).toEqual([['kubernetes', ['10.0.0.1', '10.0.0.2'], 6443]]);
  });

  it('gives other ports and families slices of their own', () => {
    expect(
      brief([
        { address: '10.0.0.1', port: 7443 },
        { address: '10.0.0.1', port: 6443 },
        { address: 'fd00::1', port: 7443 },
      ]),
    ).toEqual([
      ['kubernetes', ['10.0.0.1'], 6443],
      ['kubernetes-ipv4-7443', ['10.0.0.1'], 7443],
      ['kubernetes-ipv6-7443', ['fd00::1'], 7443],
    ]);
  });
});
