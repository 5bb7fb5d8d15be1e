import { addressesAnnotation, networkSelection, networksAnnotation } from './network-selection.ts';

const selected = (annotations: Record<string, string>, labels: Record<string, string> = {}) =>
  networkSelection({ annotations, labels });
const short = (text: string) =>
  selected({ [networksAnnotation]: text })?.others.map(({ namespace, name, ifName }) => [namespace, name, ifName]);
const json = (...elements: object[]) => selected({ [networksAnnotation]: JSON.stringify(elements) })?.others;

describe('networkSelection', () => {
  it('is nothing without annotations, and costs nothing', () => {
    expect(selected({})).toBeUndefined();
    expect(selected({ [networksAnnotation]: '  ' })).toBeUndefined();
  });

  it.each([
    ['lan', [[undefined, 'lan', 'net1']]],
    [
      'lan, infra/backend@data,other',
      [
        [undefined, 'lan', 'net1'],
        ['infra', 'backend', 'data'],
        [undefined, 'other', 'net3'],
      ],
    ],
    [
      'lan@a,lan@b',
      [
        [undefined, 'lan', 'a'],
        [undefined, 'lan', 'b'],
      ],
    ],
  ])('reads the short form %j', (text, wanted) => {
    expect(short(text)).toEqual(wanted);
  });

  it('reads every field of the JSON form', () => {
    const element = {
      name: 'lan',
      namespace: 'infra',
      interface: 'data',
      ips: ['10.5.0.10/24', 'fd00::10'],
      mac: '02:00:00:00:00:0A',
      'default-route': ['10.5.0.1'],
      portMappings: [{ hostPort: 8080, containerPort: 80 }],
      bandwidth: { ingressRate: 1000 },
      'cni-args': { a: 1 },
      aliases: ['db'],
    };
    expect(json(element)).toEqual([
      {
        place: 'annotation k8s.v1.cni.cncf.io/networks, element 1 (lan)',
        name: 'lan',
        namespace: 'infra',
        ifName: 'data',
        ips: ['10.5.0.10/24', 'fd00::10'],
        mac: '02:00:00:00:00:0a',
        defaultRoute: ['10.5.0.1'],
        portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
        bandwidth: { ingressRate: 1000 },
        cniArgs: { a: 1 },
        aliases: ['db'],
      },
    ]);
  });

  it('takes a network in place of the cluster network', () => {
    for (const name of ['slipway.dev/default-network', 'v1.multus-cni.io/default-network']) {
      expect(selected({ [name]: 'lan' })?.first).toMatchObject({ name: 'lan', ifName: 'eth0' });
    }
    expect(selected({ [networksAnnotation]: 'lan' })?.first).toBeUndefined();
  });

  it.each([
    ['a b', 'element 1: "a b" is not of the form NAMESPACE/NAME@INTERFACE'],
    ['lan,,x', 'element 2: "" is not of the form'],
    ['Lan', 'element 1 (Lan): name "Lan" is no DNS label'],
    ['lan@averyveryverylong', 'interface "averyveryverylong" cannot be the name of an interface'],
    ['lan@lo', 'interface "lo" cannot be'],
    [
      'lan@eth0',
      'interface eth0 is the one of the cluster network; the annotation slipway.dev/default-network replaces it',
    ],
    ['lan@x,wan@x', 'element 2 (wan): interface x is that of lan already'],
    ['[{"name":"lan"', 'annotation k8s.v1.cni.cncf.io/networks is no valid JSON'],
    ['[{"nam":"lan"}]', 'element 1: nam is not supported; known are name, namespace'],
    ['[{"namespace":"a"}]', 'element 1: name is missing'],
    ['[{"name":"lan","ips":["10.5.0.300"]}]', 'ips: "10.5.0.300" is no IP address'],
    ['[{"name":"lan","ips":"10.5.0.3"}]', 'ips is not a list of texts'],
    ['[{"name":"lan","mac":"01:00:00:00:00:01"}]', 'mac: "01:00:00:00:00:01" is no MAC address'],
    ['[{"name":"lan","default-route":["x"]}]', 'default-route: "x" is no IP address'],
    ['[{"name":"lan","aliases":["a.b"]}]', 'aliases: "a.b" is no DNS label'],
    ['[{"name":"lan","portMappings":[{"hostPort":80}]}]', 'portMappings needs hostPort, containerPort'],
  ])('refuses %s', (text, message) => {
    expect(() => short(text)).toThrow(message);
  });
});

describe('addresses by number', () => {
  const numbered = (addresses: string, index: string | undefined, networks = 'lan,office') =>
    selected(
      { [networksAnnotation]: networks, [addressesAnnotation]: addresses },
      index === undefined ? {} : { 'apps.kubernetes.io/pod-index': index },
    )?.others.map(({ ips }) => ips);

  it.each([
    ['lan=10.5.0.10-10.5.0.12', '2', [['10.5.0.12'], []]],
    ['lan=10.5.0.10,10.5.0.20-10.5.0.21 ; office=10.6.0.9', '0', [['10.5.0.10'], ['10.6.0.9']]],
    ['lan=10.5.0.10,10.5.0.20-10.5.0.21', '2', [['10.5.0.21'], []]],
    ['lan=10.5.0.10-10.5.0.12,fd00::10-fd00::12', '1', [['10.5.0.11', 'fd00::11'], []]],
  ])('takes of %s number %s', (addresses, index, ips) => {
    expect(numbered(addresses, index)).toEqual(ips);
  });

  it.each([
    ['lan=10.5.0.10-10.5.0.12', undefined, 'the pod has no number (label apps.kubernetes.io/pod-index)'],
    ['lan=10.5.0.10-10.5.0.12', '3', 'lan has 3 addresses, and the pod is number 3, counted from 0'],
    ['lan', '0', '"lan" is not of the form NETWORK=ADDRESS-ADDRESS,ADDRESS'],
    ['lan=10.5.0.12-10.5.0.10', '0', '"10.5.0.12-10.5.0.10" is no address or range of addresses'],
    ['wan=10.5.0.12', '0', 'the pod does not join the network wan'],
  ])('refuses %s for number %s', (addresses, index, message) => {
    expect(() => numbered(addresses, index)).toThrow(message);
  });

  it('needs a network to be of use', () => {
    expect(() => selected({ [addressesAnnotation]: 'lan=10.5.0.10' })).toThrow('name them in the annotation');
  });
});
