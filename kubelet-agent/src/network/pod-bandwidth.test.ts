import { podBandwidth } from './pod-bandwidth.ts';

describe('podBandwidth', () => {
  it('turns annotations into the arguments of the capability', () => {
    expect(podBandwidth({})).toBeUndefined();
    expect(podBandwidth({ 'kubernetes.io/ingress-bandwidth': '10M' })).toEqual({
      ingressRate: 10_000_000,
      ingressBurst: 524_288,
    });
    expect(podBandwidth({ 'kubernetes.io/egress-bandwidth': '1G' })).toEqual({
      egressRate: 1_000_000_000,
      egressBurst: 50_000_000,
    });
  });

  it.each([
    ['fast', 'kubernetes.io/ingress-bandwidth: "fast" is no quantity'],
    ['1', 'unreasonably small'],
    ['2P', 'unreasonably large'],
  ])('refuses %s', (value, message) => {
    expect(() => podBandwidth({ 'kubernetes.io/ingress-bandwidth': value })).toThrow(message);
  });
});
