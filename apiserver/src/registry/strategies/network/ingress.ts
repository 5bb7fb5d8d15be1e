import { parseIp } from '@slipway/api/ip-address';
import {
  dns1035LabelProblems,
  dnsSubdomainProblems,
  portNameProblems,
  portNumberProblems,
  wildcardSubdomainProblems,
} from '@slipway/api/names';
import type { Ingress, IngressBackend, IngressSpec } from '@slipway/api/types';
import { type FieldError, invalid, notSupported, pushInvalid, required } from '@slipway/api/validation/field-error';
import { validateTypedReference } from '@slipway/api/validation/local-reference';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';

/** How the class was named before it had a field. */
const classAnnotation = 'kubernetes.io/ingress.class';
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];
const refusedSequences = ['//', '/./', '/../', '%2f', '%2F'];
const refusedEndings = ['/..', '/.'];

export const ingressStrategy: Strategy<Ingress> = {
  resource: descriptorOf('networking.k8s.io', 'v1', 'ingresses'),
  defaults(draft) {
    draft.spec ??= {};
  },
  prepareCreate(draft) {
    draft.status = { loadBalancer: {} };
    startGeneration(draft);
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    countGeneration(draft, old, draft.spec, old.spec);
  },
  validate({ spec }) {
    const errors: FieldError[] = [];
    validateSpec(errors, spec, 'spec');
    return errors;
  },
  validateCreate({ metadata, spec }) {
    const annotated = metadata.annotations?.[classAnnotation];
    if (annotated === undefined || spec.ingressClassName === undefined || annotated === spec.ingressClassName)
      return [];
    const detail = 'must match `ingressClassName` when both are specified';
    // Upstream's path, which leaves out the metadata.
    return [invalid(`annotations.${classAnnotation}`, annotated, detail)];
  },
  warnings({ metadata }, old) {
    if (old || metadata.annotations?.[classAnnotation] === undefined) return [];
    return [`annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`];
  },
  status: { validateUpdate: validateStatus },
};

function validateSpec(errors: FieldError[], spec: IngressSpec, path: string): void {
  const { rules = [], tls = [], defaultBackend, ingressClassName } = spec;
  if (rules.length === 0 && !defaultBackend) {
    errors.push(invalid(path, rules, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend) validateBackend(errors, defaultBackend, `${path}.defaultBackend`);
  rules.forEach(({ host = '', http }, i) => {
    const at = `${path}.rules[${i}]`;
    if (host !== '') validateHost(errors, host, `${at}.host`);
    if (http) validatePaths(errors, http.paths ?? [], `${at}.http.paths`);
  });
  tls.forEach(({ hosts = [], secretName = '' }, i) => {
    hosts.forEach((host, j) => {
      pushInvalid(errors, `${path}.tls[${i}].hosts[${j}]`, host, hostProblems(host));
    });
    if (secretName !== '') {
      pushInvalid(errors, `${path}.tls[${i}].secretName`, secretName, dnsSubdomainProblems(secretName));
    }
  });
  if (ingressClassName !== undefined) {
    pushInvalid(errors, `${path}.ingressClassName`, ingressClassName, dnsSubdomainProblems(ingressClassName));
  }
}

function hostProblems(host: string): readonly string[] {
  return host.includes('*') ? wildcardSubdomainProblems(host) : dnsSubdomainProblems(host);
}

function validateHost(errors: FieldError[], host: string, path: string): void {
  if (parseIp(host)) errors.push(invalid(path, host, 'must be a DNS name, not an IP address'));
  pushInvalid(errors, path, host, hostProblems(host));
}

type Paths = NonNullable<NonNullable<NonNullable<IngressSpec['rules']>[number]['http']>['paths']>;

function validatePaths(errors: FieldError[], paths: Paths, path: string): void {
  if (paths.length === 0) errors.push(required(path));
  paths.forEach(({ path: target = '', pathType, backend }, i) => {
    const at = `${path}[${i}]`;
    if (pathType === undefined) {
      errors.push(required(`${at}.pathType`, 'pathType must be specified'));
      return;
    }
    if (!pathTypes.includes(pathType)) errors.push(notSupported(`${at}.pathType`, pathType, pathTypes));
    else validatePath(errors, target, pathType, `${at}.path`);
    validateBackend(errors, backend ?? {}, `${at}.backend`);
  });
}

function validatePath(errors: FieldError[], target: string, pathType: string, path: string): void {
  const isFree = pathType === 'ImplementationSpecific';
  if (!target.startsWith('/') && !(isFree && target === '')) {
    errors.push(invalid(path, target, 'must be an absolute path'));
  }
  if (isFree) return;
  for (const sequence of refusedSequences) {
    if (target.includes(sequence)) errors.push(invalid(path, target, `must not contain '${sequence}'`));
  }
  for (const ending of refusedEndings) {
    if (target.endsWith(ending)) errors.push(invalid(path, target, `cannot end with '${ending}'`));
  }
}

function validateBackend(errors: FieldError[], { service, resource }: IngressBackend, path: string): void {
  if (resource && service) errors.push(invalid(path, '', 'cannot set both resource and service backends'));
  else if (resource) {
    validateTypedReference(errors, resource, `${path}.resource`);
  } else if (service) {
    const { name = '', port = {} } = service;
    const at = `${path}.service`;
    if (name === '') errors.push(required(`${at}.name`));
    else pushInvalid(errors, `${at}.name`, name, dns1035LabelProblems(name));
    if (port.name && port.number) errors.push(invalid(path, '', 'cannot set both port name & port number'));
    else if (port.name) pushInvalid(errors, `${at}.port.name`, port.name, portNameProblems(port.name));
    else if (port.number) pushInvalid(errors, `${at}.port.number`, port.number, portNumberProblems(port.number));
    else errors.push(required(path, 'port name or number is required'));
  } else errors.push(invalid(path, '', 'resource or service backend is required'));
}

function validateStatus({ status }: Ingress): FieldError[] {
  const errors: FieldError[] = [];
  status?.loadBalancer?.ingress?.forEach(({ ip, hostname }, i) => {
    const at = `status.loadBalancer.ingress[${i}]`;
    if (ip && !parseIp(ip)) errors.push(invalid(`${at}.ip`, ip, 'must be a valid IP address'));
    if (!hostname) return;
    pushInvalid(errors, `${at}.hostname`, hostname, dnsSubdomainProblems(hostname));
    if (parseIp(hostname)) {
      errors.push(invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address'));
    }
  });
  return errors;
}
