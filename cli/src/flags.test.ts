import * as fc from 'fast-check';
import { nearestName } from '@slipway/kit/nearest-name';
import { resolveConfig } from './config.ts';
import { parseArguments, parseConfigFile, parseEnvironment } from './flags.ts';

const known = [
  'data-dir',
  'secure-port',
  'agent',
  'storage',
  'cluster-cidr',
  'bind-address',
  'node-name',
  'help',
] as const;

describe('parseArguments', () => {
  it('reads values after a space and after an equals sign, and operands between', () => {
    const { values, operands } = parseArguments(['--data-dir', '/d', 'load', '--secure-port=0', 'f.tar'], known);
    expect(values).toEqual({ 'data-dir': '/d', 'secure-port': 0 });
    expect(operands).toEqual(['load', 'f.tar']);
  });

  it('turns booleans off by --no-NAME and by =false', () => {
    expect(parseArguments(['--no-agent'], known).values).toEqual({ agent: false });
    expect(parseArguments(['--agent=false'], known).values).toEqual({ agent: false });
    expect(parseArguments(['--agent'], known).values).toEqual({ agent: true });
  });

  it.each([
    [['--data-dri', 'x'], 'unknown flag --data-dri; did you mean --data-dir?'],
    [['--data-dir'], '--data-dir needs a value: --data-dir DIR'],
    [['--secure-port', '70000'], '--secure-port: "70000" is not a whole number from 0 to 65535'],
    [['--storage', 'sqlite'], '--storage: "sqlite" is not one of embedded, etcd'],
    [['--cluster-cidr', '10.0.0.0'], '--cluster-cidr: "10.0.0.0" is not an IPv4 range such as 10.64.0.0/16'],
    [['--cluster-cidr', '10.0.0.0/33'], '--cluster-cidr: "10.0.0.0/33" is not an IPv4 range such as 10.64.0.0/16'],
    [['--bind-address', 'here'], '--bind-address: "here" is not an IP address such as 127.0.0.1'],
    [
      ['--node-name', 'my_node'],
      '--node-name: Invalid value: "my_node": a lowercase RFC 1123 subdomain must consist of',
    ],
    [['-x'], 'unknown flag -x; flags are written --like-this'],
  ])('refuses %j', (args, message) => {
    expect(() => parseArguments(args, known)).toThrow(message);
  });

  it('takes everything after -- as operands', () => {
    expect(parseArguments(['--', '--data-dir'], known).operands).toEqual(['--data-dir']);
  });
});

describe('other sources', () => {
  it('reads the environment', () => {
    expect(parseEnvironment({ SLIPWAY_SECURE_PORT: '0', OTHER: '1' }, known)).toEqual({ 'secure-port': 0 });
  });

  it('reads a config file and names it in errors', () => {
    expect(parseConfigFile({ 'secure-port': 7000, 'no-agent': true }, 'c.yaml', known)).toEqual({
      'secure-port': 7000,
      agent: false,
    });
    expect(() => parseConfigFile({ 'sekure-port': 1 }, 'c.yaml', known)).toThrow(
      'c.yaml: unknown flag --sekure-port; did you mean --secure-port?',
    );
    expect(() => parseConfigFile([1], 'c.yaml', known)).toThrow('c.yaml: must be a map of flag names to values');
  });
});

describe('nearestName', () => {
  it('finds the name itself', async () => {
    await fc.assert(fc.property(fc.constantFrom(...known), (name) => nearestName(name, known) === name));
  });
});

describe('--server', () => {
  const serversOf = (server: string) => resolveConfig([{ server }], '/d').servers;

  it('is one URL or several', () => {
    expect(resolveConfig([{}], '/d').servers).toEqual([]);
    expect(serversOf('https://10.0.0.1:6443,https://[fd00::1]:6443')).toEqual([
      'https://10.0.0.1:6443',
      'https://[fd00::1]:6443',
    ]);
  });

  it.each(['10.0.0.1:6443', 'https://a,', 'ftp://a', 'https://a:99999'])('refuses %j', (text) => {
    expect(() => serversOf(text)).toThrow(/--server: .* is not a URL such as/);
  });
});

describe('the way to the server from within a pod', () => {
  const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

  it("is that of the pod's surroundings, unless a kubeconfig is named", () => {
    expect(resolveConfig([{}], '/d', env).inCluster).toEqual({ host: '10.96.0.1', port: '443' });
    expect(resolveConfig([{ kubeconfig: '/k' }], '/d', env).inCluster).toBeUndefined();
    expect(resolveConfig([{}], '/d').inCluster).toBeUndefined();
  });
});

describe('--health-probe-bind-address', () => {
  const addressOf = (text: string) => resolveConfig([{ 'health-probe-bind-address': text }], '/d').probeAddress;

  it('is a port, with an address or without; 0 and nothing are none', () => {
    expect(addressOf(':8081')).toEqual({ host: '', port: 8081 });
    expect(addressOf('127.0.0.1:8081')).toEqual({ host: '127.0.0.1', port: 8081 });
    expect(addressOf('[::1]:8081')).toEqual({ host: '::1', port: 8081 });
    expect(addressOf('0')).toBeUndefined();
    expect(resolveConfig([{}], '/d').probeAddress).toBeUndefined();
  });

  it.each(['8081', 'here:8081', ':99999', '127.0.0.1'])('refuses %j', (text) => {
    expect(() => addressOf(text)).toThrow(/--health-probe-bind-address: .* is not an address such as :8081/);
  });
});
