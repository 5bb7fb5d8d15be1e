import { networkOf, PodAddresses } from './pod-addresses.ts';

it('gives each address once, and none when all are taken', () => {
  const pool = new PodAddresses('10.1.2.0/29');
  const given = [pool.take(), pool.take(), pool.take(), pool.take(), pool.take()];
  expect(given).toEqual(['10.1.2.2', '10.1.2.3', '10.1.2.4', '10.1.2.5', '10.1.2.6']);
  expect(pool.take()).toBeUndefined();
  pool.release('10.1.2.4');
  expect(pool.take()).toBe('10.1.2.4');
});

it('goes round before it gives one again, and passes over what pods have from before', () => {
  const pool = new PodAddresses('10.1.2.0/29');
  pool.keep('10.1.2.3');
  pool.keep('192.0.2.1');
  pool.release('192.0.2.1');
  const first = pool.take() ?? '';
  pool.release(first);
  expect([first, pool.take(), pool.take()]).toEqual(['10.1.2.2', '10.1.2.4', '10.1.2.5']);
});

it.each([
  [0, '100.64.0.0/10', '100.64.0.0/24'],
  [300, '100.64.0.0/10', '100.65.44.0/24'],
  [3, '10.0.0.0/23', '10.0.1.0/24'],
  [5, '10.0.0.0/26', '10.0.0.0/26'],
])('gives node %d of %s the network %s', (index, range, network) => {
  expect(networkOf(index, range)).toBe(network);
});
