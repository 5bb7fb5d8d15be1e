/** Upstream's conformance tests of networks, with ours. See `conformance-checklist.ts`. */
import type { Checklist } from './conformance-checklist.ts';

const names = 'networks/names.e2e.ts';
const nodes = 'networks/nodes.e2e.ts';
const services = 'networks/services.e2e.ts';
const firstApp = 'scenarios/first-app.e2e.ts';
const endpoints = 'integration/endpoints.integration.test.ts';
const lives = 'conformance/service-lives.integration.test.ts';
const kinds = 'conformance/network-kinds.integration.test.ts';
const proxy = '../apiserver/src/streaming/proxy/proxy-request.integration.test.ts';
const rules = '../kubelet-agent/src/proxy/service-proxy.privileged.test.ts';
const affinity = [names, 'keeps a client at its pod as long as it is told to'] as const;
const granular = '[sig-network] Networking Granular Checks: Pods should function for node-pod communication:';
const linux = '[LinuxOnly] [NodeConformance]';

export const networkChecklist: Checklist = [
  [
    '[sig-network] API Server should have Endpoints and EndpointSlices pointing to API Server',
    [['conformance/services.integration.test.ts', 'there is a service that is the API server']],
  ],
  [
    '[sig-network] DNS should provide DNS for ExternalName services',
    [[names, 'services are aliases of names inside and outside']],
  ],
  [
    '[sig-network] DNS should provide DNS for pods for Hostname',
    [[names, 'pods have names by host name and subdomain']],
  ],
  [
    '[sig-network] DNS should provide DNS for pods for Subdomain',
    [[names, 'pods have names by host name and subdomain']],
  ],
  [
    '[sig-network] DNS should provide DNS for services',
    [
      [names, 'pods find services by every form of their names'],
      [names, 'pods have names by host name and subdomain, by their addresses, and backwards'],
      ['../kubelet-agent/src/dns/resolvers.integration.test.ts', 'its port'],
    ],
  ],
  [
    '[sig-network] DNS should provide DNS for the cluster',
    [[names, 'pods find services by every form of their names']],
  ],
  [
    '[sig-network] DNS should resolve DNS of partial qualified names for services [LinuxOnly]',
    [
      [names, 'pods find services by every form of their names'],
      [names, 'glibc finds them as well'],
    ],
  ],
  [
    '[sig-network] EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service',
    [[endpoints, 'are there in both forms for the pods of a service, and go with it']],
  ],
  [
    '[sig-network] EndpointSlice should create and delete EndpointSlices for a Service with a selector that matches no pods',
    [[endpoints, 'are there, and empty, for a selector that matches no pods']],
  ],
  [
    '[sig-network] EndpointSlice should support a Service with multiple endpoint IPs specified in multiple EndpointSlices',
    [affinity],
  ],
  [
    '[sig-network] EndpointSlice should support creating EndpointSlice API operations',
    [[lives, 'is made, found everywhere, watched, patched, written anew, and deleted alone and together']],
  ],
  [
    '[sig-network] EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete',
    [
      [endpoints, 'written by hand are mirrored, followed and taken back'],
      [names, 'endpoints by hand are served by name'],
    ],
  ],
  [
    '[sig-network] Endpoints should test the lifecycle of an Endpoint',
    [[lives, 'is made, found everywhere, watched, patched, written anew, and deleted alone and together']],
  ],
  [
    '[sig-network] EndpointsController should create Endpoints for Pods matching a Service',
    [[endpoints, 'are there in both forms for the pods of a service, and go with it']],
  ],
  [
    '[sig-network] EndpointsController should create and delete Endpoints for a Service with a selector that matches no pods',
    [[endpoints, 'are there, and empty, for a selector that matches no pods']],
  ],
  [
    '[sig-network] HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol [LinuxOnly]',
    [[nodes, 'gives one host port to three pods that differ in address or protocol']],
  ],
  [
    '[sig-network] Ingress API should support creating Ingress API operations',
    [
      [kinds, "kind: 'Ingress'"],
      [lives, "'Ingress',"],
    ],
  ],
  [
    '[sig-network] IngressClass API should support creating IngressClass API operations',
    [[kinds, "kind: 'IngressClass'"]],
  ],
  [`${granular} http ${linux}`, [[nodes, 'lets pods of a node and pods behind it talk, by TCP and UDP']]],
  [`${granular} udp ${linux}`, [[nodes, 'lets pods of a node and pods behind it talk, by TCP and UDP']]],
  [
    '[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service Proxy',
    [
      [names, 'sends one who asks for nothing to its root, and says why nobody answers'],
      [proxy, 'hands on HEAD, codes, and redirects to where the proxy leads'],
    ],
  ],
  [
    '[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service ProxyWithPath',
    [
      [names, 'hands on methods, paths, queries and bodies'],
      [proxy, 'with its body, and no credentials'],
    ],
  ],
  ['[sig-network] Proxy version v1 should proxy through a service and a pod', [[names, 'leads through %s']]],
  [
    '[sig-network] Service endpoints latency should not be very high',
    [[endpoints, 'come soon: half of a hundred services within a second']],
  ],
  [
    '[sig-network] ServiceCIDR and IPAddress API should support IPAddress API operations',
    [
      [kinds, "kind: 'IPAddress'"],
      [kinds, "kind: 'ServiceCIDR'"],
    ],
  ],
  [
    '[sig-network] Services should be able to change the type from NodePort to ExternalName',
    [
      [lives, 'change their type, and give back what the other one had'],
      [names, 'services are aliases of names inside and outside'],
    ],
  ],
  ['[sig-network] Services should be able to switch session affinity for NodePort service [LinuxOnly]', [affinity]],
  [
    '[sig-network] Services should be able to switch session affinity for service with type clusterIP [LinuxOnly]',
    [affinity],
  ],
  [
    '[sig-network] Services should complete a service status lifecycle',
    [[lives, 'have a status that is read, patched, updated and watched']],
  ],
  [
    '[sig-network] Services should delete a collection of services',
    [[lives, 'are found in all namespaces, and go together']],
  ],
  [
    '[sig-network] Services should find a service from listing all namespaces',
    [[lives, 'are found in all namespaces, and go together']],
  ],
  ['[sig-network] Services should have session affinity work for NodePort service [LinuxOnly]', [affinity]],
  [
    '[sig-network] Services should have session affinity work for service with type clusterIP [LinuxOnly]',
    [affinity, [rules, 'sends a client to the same pod while it has affinity']],
  ],
  [
    '[sig-network] Services should serve a basic endpoint from pods',
    [
      [firstApp, 'runs three replicas behind one address'],
      [services, 'have pods on all nodes behind a ClusterIP'],
    ],
  ],
  [
    '[sig-network] Services should serve endpoints on same port and different protocols',
    [[names, 'has several ports, and one for two protocols']],
  ],
  [
    '[sig-network] Services should serve multiport endpoints from pods',
    [[names, 'has several ports, and one for two protocols']],
  ],
];
