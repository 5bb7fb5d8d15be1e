import { StatusError } from '@slipway/api/status-error';
import type { Pod } from '@slipway/api/types';

const defaultContainerAnnotation = 'kubectl.kubernetes.io/default-container';

/** The container that a request means: the named one, the default one, or the only one. Throws upstream's errors. */
export function chooseContainer(pod: Pod, asked: string | undefined): string {
  const { name = '', annotations = {} } = pod.metadata;
  const regular = pod.spec.containers.map((container) => container.name);
  const init = (pod.spec.initContainers ?? []).map((container) => container.name);
  const ephemeral = (pod.spec.ephemeralContainers ?? []).map((container) => container.name);
  if (asked) {
    if ([...regular, ...init, ...ephemeral].includes(asked)) return asked;
    throw new StatusError('BadRequest', `container ${asked} is not valid for pod ${name}`);
  }
  const preferred = annotations[defaultContainerAnnotation];
  if (preferred && regular.includes(preferred)) return preferred;
  const [only, ...others] = regular;
  if (only && others.length === 0) return only;
  const choice = [
    `choose one of: [${regular.join(' ')}]`,
    ...(init.length > 0 ? [` or one of the init containers: [${init.join(' ')}]`] : []),
    ...(ephemeral.length > 0 ? [` or one of the ephemeral containers: [${ephemeral.join(' ')}]`] : []),
  ].join('');
  throw new StatusError('BadRequest', `a container name must be specified for pod ${name}, ${choice}`);
}
