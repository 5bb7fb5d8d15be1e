/** Rules of Services. Defaults have been filled in; addresses and ports that nobody chose need not be there yet. */
import { isExternallyAccessible, isHeadless, needsClusterIp, needsHealthCheckPort } from '../defaults/service.ts';
import { cidrProblems } from '../ip-address.ts';
import { dnsLabelProblems, dnsSubdomainProblems, portNumberProblems, qualifiedNameProblems } from '../names.ts';
import type { Service, ServicePort, ServiceSpec } from '../types.ts';
import { type FieldError, duplicate, forbidden, invalid, notSupported, pushInvalid, required } from './field-error.ts';
import { validateLabels } from './object-meta.ts';
import { validatePort } from './pod-spec-handlers.ts';
import { validateClusterIps, validateExternalIps } from './service-addresses.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const affinities = ['ClientIP', 'None'];
const trafficPolicies = ['Cluster', 'Local'];
const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
const protocols = ['SCTP', 'TCP', 'UDP'];
/** A day. */
const affinitySecondsMax = 86400;

export function validateService(errors: FieldError[], { spec }: Service): void {
  if (!spec.ports?.length && !isHeadless(spec) && spec.type !== 'ExternalName') errors.push(required('spec.ports'));
  validateType(errors, spec);
  validatePorts(errors, spec);
  validateLabels(errors, spec.selector, 'spec.selector');
  validateAffinity(errors, spec);
  if (spec.type !== 'ExternalName') validateClusterIps(errors, spec);
  validateExternalIps(errors, spec.externalIPs ?? []);
  validateLoadBalancer(errors, spec);
  validateTraffic(errors, spec);
}

function validateType(errors: FieldError[], spec: ServiceSpec): void {
  const { type } = spec;
  if (!type) errors.push(required('spec.type'));
  else if (!types.includes(type)) errors.push(notSupported('spec.type', type, types));
  if ((type === 'LoadBalancer' || type === 'NodePort') && isHeadless(spec)) {
    errors.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`));
  }
  if (type !== 'ExternalName') return;
  const detail = 'may not be set for ExternalName services';
  if (spec.clusterIPs?.length || spec.clusterIP) errors.push(forbidden('spec.clusterIPs', detail));
  if (spec.ipFamilies?.length) errors.push(forbidden('spec.ipFamilies', detail));
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden('spec.ipFamilyPolicy', detail));
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.push(required('spec.externalName'));
  else pushInvalid(errors, 'spec.externalName', name, dnsSubdomainProblems(name));
}

function validatePorts(errors: FieldError[], { ports = [], type }: ServiceSpec): void {
  const names = new Set<string>();
  ports.forEach((port, i) => {
    validateServicePort(errors, port, `spec.ports[${i}]`, { names, needsName: ports.length > 1 });
  });
  const nodePorts = new Set<string>();
  const endpoints = new Set<string>();
  ports.forEach(({ protocol = '', port, nodePort }, i) => {
    const at = `spec.ports[${i}]`;
    if (nodePort && type === 'ClusterIP') {
      errors.push(forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    }
    const onNode = `${protocol}/${nodePort}`;
    if (nodePort && nodePorts.has(onNode)) errors.push(duplicate(`${at}.nodePort`, nodePort));
    nodePorts.add(onNode);
    const endpoint = `${protocol}/${port}`;
    if (endpoints.has(endpoint)) errors.push(duplicate(at, { protocol, port }));
    endpoints.add(endpoint);
  });
}

function validateServicePort(
  errors: FieldError[],
  port: ServicePort,
  path: string,
  { names, needsName }: { readonly names: Set<string>; readonly needsName: boolean },
): void {
  const { name, protocol, appProtocol } = port;
  if (!name) {
    if (needsName) errors.push(required(`${path}.name`));
  } else {
    pushInvalid(errors, `${path}.name`, name, dnsLabelProblems(name));
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
  }
  pushInvalid(errors, `${path}.port`, port.port ?? 0, portNumberProblems(port.port ?? 0));
  if (!protocol) errors.push(required(`${path}.protocol`));
  else if (!protocols.includes(protocol)) errors.push(notSupported(`${path}.protocol`, protocol, protocols));
  validatePort(errors, port.targetPort ?? 0, `${path}.targetPort`);
  if (appProtocol !== undefined) {
    pushInvalid(errors, `${path}.appProtocol`, appProtocol, qualifiedNameProblems(appProtocol));
  }
}

function validateAffinity(errors: FieldError[], { sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): void {
  if (!sessionAffinity) errors.push(required('spec.sessionAffinity'));
  else if (!affinities.includes(sessionAffinity)) {
    errors.push(notSupported('spec.sessionAffinity', sessionAffinity, affinities));
  }
  const path = 'spec.sessionAffinityConfig';
  if (sessionAffinity === 'None' && config) {
    errors.push(forbidden(path, 'must not be set when session affinity is None'));
  }
  if (sessionAffinity !== 'ClientIP') return;
  const seconds = config?.clientIP?.timeoutSeconds;
  const at = `${path}.clientIP.timeoutSeconds`;
  if (seconds === undefined) errors.push(required(at, 'when session affinity type is ClientIP'));
  else if (seconds <= 0 || seconds > affinitySecondsMax) {
    errors.push(invalid(at, seconds, `must be greater than 0 and less than ${affinitySecondsMax}`));
  }
}

function validateLoadBalancer(errors: FieldError[], spec: ServiceSpec): void {
  const isBalanced = spec.type === 'LoadBalancer';
  const detail = "may only be used when `type` is 'LoadBalancer'";
  if (spec.loadBalancerSourceRanges?.length) {
    const path = 'spec.LoadBalancerSourceRanges';
    if (!isBalanced) errors.push(forbidden(path, detail));
    spec.loadBalancerSourceRanges.forEach((range, i) => {
      pushInvalid(errors, `${path}[${i}]`, range.trim(), cidrProblems(range.trim()));
    });
  }
  if (!isBalanced && spec.allocateLoadBalancerNodePorts !== undefined) {
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', detail));
  }
  const { loadBalancerClass: name } = spec;
  if (name === undefined) return;
  if (isBalanced) pushInvalid(errors, 'spec.loadBalancerClass', name, qualifiedNameProblems(name));
  else errors.push(forbidden('spec.loadBalancerClass', detail));
}

function validateTraffic(errors: FieldError[], spec: ServiceSpec): void {
  const { externalTrafficPolicy: external, internalTrafficPolicy: internal, healthCheckNodePort: port } = spec;
  if (!isExternallyAccessible(spec)) {
    if (external) {
      const detail = 'may only be set for externally-accessible services';
      errors.push(invalid('spec.externalTrafficPolicy', external, detail));
    }
  } else if (!external) errors.push(required('spec.externalTrafficPolicy'));
  else if (!trafficPolicies.includes(external)) {
    errors.push(notSupported('spec.externalTrafficPolicy', external, trafficPolicies));
  }
  if (port && !needsHealthCheckPort(spec)) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalid('spec.healthCheckNodePort', port, detail));
  } else if (port) pushInvalid(errors, 'spec.healthCheckNodePort', port, portNumberProblems(port));
  if (internal === undefined) {
    if (needsClusterIp(spec)) errors.push(required('spec.internalTrafficPolicy'));
  } else if (!trafficPolicies.includes(internal)) {
    errors.push(notSupported('spec.internalTrafficPolicy', internal, trafficPolicies));
  }
  const { trafficDistribution: distribution } = spec;
  if (distribution !== undefined && !distributions.includes(distribution)) {
    errors.push(notSupported('spec.trafficDistribution', distribution, distributions));
  }
}

/** What a Service has, it keeps for as long as it needs it. */
export function validateServiceUpdate(errors: FieldError[], { spec }: Service, { spec: old }: Service): void {
  if (needsClusterIp(spec) && needsClusterIp(old)) {
    validateKeptAddress(errors, spec, old);
    const [family, oldFamily] = [spec.ipFamilies?.[0], old.ipFamilies?.[0]];
    if (family !== undefined && oldFamily !== undefined && family !== oldFamily) {
      errors.push(invalid('spec.ipFamilies[0]', spec.ipFamilies, 'may not change once set'));
    }
  }
  if (spec.type === 'LoadBalancer' && old.type === 'LoadBalancer' && spec.loadBalancerClass !== old.loadBalancerClass) {
    errors.push(invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set'));
  }
  if (
    needsHealthCheckPort(spec) &&
    needsHealthCheckPort(old) &&
    (spec.healthCheckNodePort ?? 0) !== (old.healthCheckNodePort ?? 0)
  ) {
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
  }
}

function validateKeptAddress(errors: FieldError[], spec: ServiceSpec, old: ServiceSpec): void {
  const [before, now] = [old.clusterIPs?.[0], spec.clusterIPs?.[0]];
  if (before === undefined || before === now) return;
  const detail = now === undefined ? 'primary clusterIP can not be unset' : 'may not change once set';
  errors.push(invalid('spec.clusterIPs[0]', spec.clusterIPs ?? null, detail));
}

/** What is allowed and has no effect. */
export function serviceWarnings({ spec }: Service): string[] {
  const warnings: string[] = [];
  if (isHeadless(spec) && spec.sessionAffinity === 'ClientIP') {
    warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  if (spec.type !== 'ExternalName' && spec.externalName) {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  if (spec.type === 'ExternalName' && spec.externalIPs?.length) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  }
  return warnings;
}
