/** Who may reach whom, from outside and inside. */
import { describeKind, type KindRules } from './kind-rules.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const backend = { service: { name: 's', port: { number: 80 } } };
const withPath = (path: object) => ({
  spec: { rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend, ...path }] } }] },
});
const at = 'spec.rules[0].http.paths[0]';

const ingress: KindRules = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  resource: 'ingresses',
  minimal: {
    spec: { rules: [{ host: 'a.example.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }] },
  },
  defaults: { status: { loadBalancer: {} } },
  generation: 1,
  refused: [
    [{ spec: { rules: null } }, 'spec: Invalid value: []: either `defaultBackend` or `rules` must be specified'],
    [withPath({ pathType: null }), `${at}.pathType: Required value: pathType must be specified`],
    [
      withPath({ pathType: 'Regex' }),
      `${at}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`,
    ],
    [withPath({ path: 'x' }), `${at}.path: Invalid value: "x": must be an absolute path`],
    [withPath({ path: '/a//b' }), `${at}.path: Invalid value: "/a//b": must not contain '//'`],
    [withPath({ path: '/a/..' }), `${at}.path: Invalid value: "/a/..": cannot end with '/..'`],
    [withPath({ backend: {} }), `${at}.backend: Invalid value: "": resource or service backend is required`],
    [
      withPath({ backend: { service: { name: 's' } } }),
      `${at}.backend: Required value: port name or number is required`,
    ],
    [
      withPath({ backend: { service: { name: 's', port: { name: 'a', number: 1 } } } }),
      `${at}.backend: Invalid value: "": cannot set both port name & port number`,
    ],
    [
      { spec: { rules: [{ host: '10.0.0.1' }] } },
      'spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
    ],
    [
      { spec: { rules: [{ host: '*.*.com' }] } },
      'spec.rules[0].host: Invalid value: "*.*.com": a wildcard DNS-1123 subdomain must start with',
    ],
    [
      withPath({ backend: { resource: { apiGroup: 'A', kind: 'K', name: 'n' } } }),
      `${at}.backend.resource.apiGroup: Invalid value: "A": a lowercase RFC 1123 subdomain`,
    ],
    [
      withPath({ backend: { resource: { kind: 'a/b', name: 'n' } } }),
      `${at}.backend.resource.kind: Invalid value: "a/b": may not contain '/'`,
    ],
    [{ spec: { tls: [{ hosts: ['A'] }] } }, 'spec.tls[0].hosts[0]: Invalid value: "A": a lowercase RFC 1123 subdomain'],
    [
      { metadata: { annotations: { 'kubernetes.io/ingress.class': 'a' } }, spec: { ingressClassName: 'b' } },
      'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
    ],
  ],
  changes: [{ spec: { ingressClassName: 'other' } }],
  status: {
    accepted: { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } },
    refused: [
      [
        { loadBalancer: { ingress: [{ ip: 'x' }] } },
        'status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address',
      ],
    ],
  },
  columns: ['Name', 'Class', 'Hosts', 'Address', 'Ports', 'Age'],
};

const ingressClass: KindRules = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  resource: 'ingressclasses',
  namespaced: false,
  minimal: { spec: { controller: 'example.com/nobody', parameters: { kind: 'K', name: 'n' } } },
  defaults: { spec: { parameters: { scope: 'Cluster' } } },
  generation: 1,
  refused: [
    [{ spec: { controller: null } }, 'spec.controller: Required value'],
    [
      { spec: { controller: 'me' } },
      'spec.controller: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
    [
      { spec: { parameters: { scope: 'Namespace' } } },
      "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
    ],
    [
      { spec: { parameters: { scope: 'Namespace', namespace: 'X' } } },
      'spec.parameters.namespace: Invalid value: "X": a lowercase RFC 1123 label',
    ],
    [{ spec: { parameters: { kind: '..' } } }, 'spec.parameters.kind: Invalid value: "..": may not be \'..\''],
    [
      { spec: { parameters: { apiGroup: 'A' } } },
      'spec.parameters.apiGroup: Invalid value: "A": a lowercase RFC 1123 subdomain',
    ],
    [
      { spec: { parameters: { namespace: 'x' } } },
      "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
    ],
  ],
  changes: [{ spec: { parameters: { name: 'm' } } }],
  immutable: [
    [
      { spec: { controller: 'example.com/other' } },
      'spec.controller: Invalid value: "example.com/other": field is immutable',
    ],
  ],
  columns: ['Name', 'Controller', 'Parameters', 'Age'],
};

const networkPolicy: KindRules = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  resource: 'networkpolicies',
  minimal: { spec: { podSelector: { matchLabels: { app: 'nobody' } }, egress: [{ ports: [{ port: 53 }] }] } },
  defaults: { spec: { policyTypes: ['Ingress', 'Egress'], egress: [{ ports: [{ port: 53, protocol: 'TCP' }] }] } },
  generation: 1,
  refused: [
    [{ spec: { ingress: [{ from: [{}] }] } }, 'spec.ingress[0].from[0]: Required value: must specify a peer'],
    [
      { spec: { ingress: [{ from: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }] } },
      'spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer',
    ],
    [
      { spec: { egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/9'] } }] }] } },
      'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "11.0.0.0/9": must be a strict subset of `cidr`',
    ],
    [
      { spec: { egress: [{ to: [{ ipBlock: { cidr: '10/8' } }] }] } },
      'spec.egress[0].to[0].ipBlock.cidr: Invalid value: "10/8": must be a valid CIDR value',
    ],
    [
      { spec: { egress: [{ to: [{ ipBlock: { cidr: '10.1.2.3/8' } }] }] } },
      'spec.egress[0].to[0].ipBlock.cidr: Invalid value: "10.1.2.3/8": must not have bits set beyond the prefix length',
    ],
    [
      { spec: { egress: [{ to: [{ ipBlock: { cidr: '010.0.0.0/8' } }] }] } },
      'spec.egress[0].to[0].ipBlock.cidr: Invalid value: "010.0.0.0/8": must not have leading 0s in IP or prefix length',
    ],
    [
      { spec: { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8'] } }] }] } },
      'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
    ],
    [
      { spec: { ingress: [{ ports: [{ port: 'web', endPort: 70 }] }] } },
      'spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` is non-numeric',
    ],
    [
      { spec: { ingress: [{ ports: [{ endPort: 70 }] }] } },
      'spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` is not specified',
    ],
    [{ spec: { policyTypes: ['Ingress', 'Egress', 'Ingress'] } }, 'may not specify more than two policyTypes'],
    [
      { spec: { ingress: [{ ports: [{ port: 80, endPort: 70 }] }] } },
      'spec.ingress[0].ports[0].endPort: Invalid value: 70: must be greater than or equal to `port`',
    ],
    [
      { spec: { ingress: [{ ports: [{ protocol: 'ICMP' }] }] } },
      'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
    ],
    [
      { spec: { policyTypes: ['Some'] } },
      'spec.policyTypes[0]: Unsupported value: "Some": supported values: "Ingress", "Egress"',
    ],
  ],
  changes: [{ spec: { policyTypes: ['Egress'] } }],
  columns: ['Name', 'Pod-Selector', 'Age'],
};

const endpoints: KindRules = {
  apiVersion: 'v1',
  kind: 'Endpoints',
  resource: 'endpoints',
  minimal: { subsets: [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ port: 80 }] }] },
  defaults: { subsets: [{ ports: [{ port: 80, protocol: 'TCP' }] }] },
  refused: [
    [
      { subsets: [{ ports: [{ port: 80 }] }] },
      'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
    ],
    [
      { subsets: [{ addresses: [{ ip: 'x' }] }] },
      'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address',
    ],
    [{ subsets: [{ addresses: [{ ip: '127.0.0.1' }] }] }, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    [
      { subsets: [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ port: 80 }, { port: 81 }] }] },
      'subsets[0].ports[0].name: Required value',
    ],
    [
      { subsets: [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ port: 0 }] }] },
      'subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
  ],
  columns: ['Name', 'Endpoints', 'Age'],
};

const addressNumbers = new Map<string, number>();
const ipAddress: KindRules = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IPAddress',
  resource: 'ipaddresses',
  namespaced: false,
  nameOf(name) {
    const number = addressNumbers.get(name) ?? addressNumbers.size + 1;
    addressNumbers.set(name, number);
    return name.includes(':') ? name : `192.0.2.${number}`;
  },
  minimal: { spec: { parentRef: { resource: 'services', namespace: 'x', name: 'y' } } },
  refused: [
    [{ spec: { parentRef: null } }, 'spec.parentRef: Required value'],
    [{ spec: { parentRef: { name: null } } }, 'spec.parentRef.name: Required value'],
    [{ metadata: { name: 'x' } }, 'metadata.name: Invalid value: "x": must be a valid IP address'],
    [
      { metadata: { name: '2001:db8:0::1' } },
      'metadata.name: Invalid value: "2001:db8:0::1": must be in canonical form ("2001:db8::1")',
    ],
  ],
  immutable: [[{ spec: { parentRef: { name: 'z' } } }, 'field is immutable']],
  columns: ['Name', 'ParentRef'],
};

const serviceCidr: KindRules = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  resource: 'servicecidrs',
  namespaced: false,
  minimal: { spec: { cidrs: ['198.51.100.0/24'] } },
  refused: [
    [{ spec: { cidrs: null } }, 'spec.cidrs: Required value: at least one CIDR required'],
    [{ spec: { cidrs: ['x'] } }, 'spec.cidrs[0]: Invalid value: "x": must be a valid CIDR value'],
    [{ spec: { cidrs: ['10.0.0.0/8', '11.0.0.0/8'] } }, 'may specify no more than one IP for each IP family'],
    [{ spec: { cidrs: ['10.0.0.1/8'] } }, 'must be in canonical form ("10.0.0.0/8")'],
  ],
  changes: [{ spec: { cidrs: ['198.51.100.0/24', '2001:db8:1::/112'] } }],
  immutable: [
    [{ spec: { cidrs: ['203.0.113.0/24'] } }, 'spec.cidrs[0]: Invalid value: "203.0.113.0/24": field is immutable'],
  ],
  status: {
    accepted: {
      conditions: [
        { type: 'Other', status: 'True', reason: 'R', message: 'm', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    },
  },
  columns: ['Name', 'CIDRs', 'Age'],
};

for (const rules of [ingress, ingressClass, networkPolicy, endpoints, ipAddress, serviceCidr])
  describeKind(target, rules);

describe('Endpoints', () => {
  it('are warned about as upstream does', async () => {
    const reply = await target.admin.post(`${target.core}/endpoints`, { metadata: { name: 'warned' } });
    expect(reply.warnings).toEqual(['v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice']);
  });
});
