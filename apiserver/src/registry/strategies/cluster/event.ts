import { qualifiedNameProblems } from '@slipway/api/names';
import type { Event } from '@slipway/api/types';
import { type FieldError, invalid, pushInvalid, required } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

const shortTextMax = 128;
const messageMax = 1024;

/** How long events are kept is for the server's configuration to say. Stored as core/v1; `events.k8s.io/v1` is a view of the same objects. */
export const eventStrategy: Strategy<Event> = {
  resource: descriptorOf('', 'v1', 'events'),
  allowCreateOnUpdate: true,
  defaults(draft) {
    draft.involvedObject ??= {};
    draft.source ??= {};
  },
  prepareCreate: dropGeneration,
  validate(draft) {
    const errors: FieldError[] = [];
    validatePlace(errors, draft);
    // Events of the newer kind say when they happened; they have to say more besides.
    if (draft.eventTime) validateReport(errors, draft);
    return errors;
  },
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
    type: ({ type }) => type ?? '',
  },
};

/** An event lives beside its object; those of cluster-scoped objects live in `default`. */
function validatePlace(errors: FieldError[], { involvedObject, metadata, eventTime }: Event): void {
  const { namespace = '' } = involvedObject;
  const own = metadata.namespace ?? '';
  const isFree = own === 'default' || (own === 'kube-system' && eventTime !== undefined);
  if (namespace === own || (namespace === '' && isFree)) return;
  errors.push(invalid('involvedObject.namespace', namespace, 'does not match event.namespace'));
}

function validateReport(errors: FieldError[], event: Event): void {
  const { reportingComponent = '', reportingInstance = '', message = '' } = event;
  if (reportingComponent === '') errors.push(required('reportingController'));
  pushInvalid(errors, 'reportingController', reportingComponent, qualifiedNameProblems(reportingComponent));
  validateShortText(errors, reportingInstance, 'reportingInstance');
  validateShortText(errors, event.action ?? '', 'action');
  validateShortText(errors, event.reason ?? '', 'reason');
  if (message.length > messageMax) errors.push(invalid('message', '', `can have at most ${messageMax} characters`));
}

function validateShortText(errors: FieldError[], text: string, path: string): void {
  if (text === '') errors.push(required(path));
  if (text.length > shortTextMax) errors.push(invalid(path, '', `can have at most ${shortTextMax} characters`));
}
