import { parseListenAddress } from './store.ts';

describe('--listen', () => {
  it.each([
    ['127.0.0.1:2379', { host: '127.0.0.1', port: 2379, isPlain: false }],
    ['https://10.0.0.5:2379/', { host: '10.0.0.5', port: 2379, isPlain: false }],
    ['http://localhost:0', { host: 'localhost', port: 0, isPlain: true }],
    ['http://[::1]:2379', { host: '::1', port: 2379, isPlain: true }],
  ])('%s', (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
  });

  it.each([
    '2379',
    ':2379',
    '127.0.0.1',
    '127.0.0.1:99999',
    'ftp://127.0.0.1:1',
    'http://10.0.0.5:2379',
    'http://127.evil:1',
  ])('refuses %s', (text) => {
    expect(() => parseListenAddress(text)).toThrow('--listen');
  });
});
