import { ipProblems, parseIp } from '@slipway/api/ip-address';
import { dnsLabelProblems, dnsSubdomainProblems, portNumberProblems, qualifiedNameProblems } from '@slipway/api/names';
import type { EndpointAddress, Endpoints, EndpointSubset } from '@slipway/api/types';
import { type FieldError, invalid, notSupported, pushInvalid, required } from '@slipway/api/validation/field-error';
import { validateNotSpecial } from '@slipway/api/validation/service-addresses';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';
/** The server itself tells where it listens, be it on the loopback of its machine. */
const serverUser = 'system:apiserver';

/** The older form of EndpointSlices: one object for all endpoints of a Service. */
export const endpointsStrategy: Strategy<Endpoints> = {
  resource: descriptorOf('', 'v1', 'endpoints'),
  allowCreateOnUpdate: true,
  deprecationWarning: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  defaults({ subsets = [] }) {
    for (const { ports = [] } of subsets) for (const port of ports) port.protocol ||= 'TCP';
  },
  prepareCreate: dropGeneration,
  validate({ metadata, subsets = [] }, { user }) {
    const errors: FieldError[] = [];
    const time = metadata.annotations?.[triggerTimeAnnotation];
    if (time !== undefined && Number.isNaN(Date.parse(time))) {
      const detail = `must be an RFC 3339 time`;
      errors.push(invalid(`metadata.annotations[${triggerTimeAnnotation}]`, time, detail));
    }
    subsets.forEach((subset, i) => {
      validateSubset(errors, subset, `subsets[${i}]`, user.name === serverUser);
    });
    return errors;
  },
};

function validateSubset(errors: FieldError[], subset: EndpointSubset, path: string, isServer: boolean): void {
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
  if (addresses.length === 0 && notReadyAddresses.length === 0) {
    errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
  }
  addresses.forEach((address, i) => {
    validateAddress(errors, address, `${path}.addresses[${i}]`, isServer);
  });
  notReadyAddresses.forEach((address, i) => {
    validateAddress(errors, address, `${path}.notReadyAddresses[${i}]`, isServer);
  });
  ports.forEach(({ name = '', port = 0, protocol = '', appProtocol }, i) => {
    const at = `${path}.ports[${i}]`;
    if (name !== '') pushInvalid(errors, `${at}.name`, name, dnsLabelProblems(name));
    else if (ports.length > 1) errors.push(required(`${at}.name`));
    pushInvalid(errors, `${at}.port`, port, portNumberProblems(port));
    if (protocol === '') errors.push(required(`${at}.protocol`));
    else if (!protocols.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, protocols));
    if (appProtocol !== undefined) {
      pushInvalid(errors, `${at}.appProtocol`, appProtocol, qualifiedNameProblems(appProtocol));
    }
  });
}

function validateAddress(errors: FieldError[], address: EndpointAddress, path: string, isServer: boolean): void {
  const { ip = '', hostname, nodeName } = address;
  pushInvalid(errors, `${path}.ip`, ip, ipProblems(ip));
  if (hostname) pushInvalid(errors, `${path}.hostname`, hostname, dnsLabelProblems(hostname));
  if (nodeName !== undefined) pushInvalid(errors, `${path}.nodeName`, nodeName, dnsSubdomainProblems(nodeName));
  if (!isServer && parseIp(ip)) validateNotSpecial(errors, ip, `${path}.ip`);
}
