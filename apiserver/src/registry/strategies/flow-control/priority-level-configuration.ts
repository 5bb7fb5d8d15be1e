import type {
  LimitedPriorityLevelConfiguration,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '@slipway/api/types';
import { type FieldError, forbidden, invalid, notSupported, required } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';

const types = ['Exempt', 'Limited'];
const responses = ['Queue', 'Reject'];
const queuesMax = 10_000_000;

/** How much of the server the requests of a level may take. Kept and shown; requests do not queue by it yet. */
export const priorityLevelConfigurationStrategy: Strategy<PriorityLevelConfiguration> = {
  resource: descriptorOf('flowcontrol.apiserver.k8s.io', 'v1', 'prioritylevelconfigurations'),
  defaults(draft) {
    draft.spec ??= {} as PriorityLevelConfigurationSpec;
    const { spec } = draft;
    if (spec.type === 'Exempt') {
      spec.exempt ??= {};
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
    if (!spec.limited) return;
    spec.limited.nominalConcurrencyShares ??= 30;
    spec.limited.lendablePercent ??= 0;
    const queuing = spec.limited.limitResponse?.queuing;
    if (!queuing) return;
    queuing.handSize ||= 8;
    queuing.queues ||= 64;
    queuing.queueLengthLimit ||= 50;
  },
  prepareCreate(draft) {
    draft.status = {};
    startGeneration(draft);
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    countGeneration(draft, old, draft.spec, old.spec);
  },
  validate({ spec }) {
    const errors: FieldError[] = [];
    const { type = '', limited, exempt } = spec;
    if (!types.includes(type)) errors.push(notSupported('spec.type', type, types));
    if (type === 'Limited') {
      if (exempt) errors.push(forbidden('spec.exempt', 'must be nil if the type is Limited'));
      if (limited) validateLimited(errors, limited, 'spec.limited');
      else errors.push(required('spec.limited', 'must not be empty when type is Limited'));
    } else if (type === 'Exempt') {
      if (limited) errors.push(forbidden('spec.limited', 'must be nil if the type is not Limited'));
      if (exempt) validateShares(errors, exempt, 'spec.exempt');
    }
    return errors;
  },
};

interface Shares {
  readonly nominalConcurrencyShares?: number;
  readonly lendablePercent?: number;
}

function validateShares(errors: FieldError[], shares: Shares, path: string): void {
  const { nominalConcurrencyShares: nominal = 0, lendablePercent = 0 } = shares;
  if (nominal < 0) {
    errors.push(invalid(`${path}.nominalConcurrencyShares`, nominal, 'must be a non-negative integer'));
  }
  if (lendablePercent < 0 || lendablePercent > 100) {
    errors.push(invalid(`${path}.lendablePercent`, lendablePercent, 'must be between 0 and 100, inclusive'));
  }
}

function validateLimited(errors: FieldError[], limited: LimitedPriorityLevelConfiguration, path: string): void {
  validateShares(errors, limited, path);
  const { borrowingLimitPercent: borrowing, limitResponse } = limited;
  if (borrowing !== undefined && borrowing < 0) {
    const detail = 'if specified, must be a non-negative integer';
    errors.push(invalid(`${path}.borrowingLimitPercent`, borrowing, detail));
  }
  const { type = '', queuing } = limitResponse ?? {};
  const at = `${path}.limitResponse`;
  if (!responses.includes(type)) errors.push(notSupported(`${at}.type`, type, responses));
  if (type === 'Reject' && queuing) {
    errors.push(forbidden(`${at}.queuing`, 'must be nil if limited.limitResponse.type is not Limited'));
  }
  if (type !== 'Queue') return;
  if (!queuing) {
    errors.push(required(`${at}.queuing`, 'must not be empty if limited.limitResponse.type is Limited'));
    return;
  }
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  for (const [field, value] of Object.entries({ queueLengthLimit, queues, handSize })) {
    if (value <= 0) errors.push(invalid(`${at}.queuing.${field}`, value, 'must be positive'));
  }
  if (queues > queuesMax) {
    errors.push(invalid(`${at}.queuing.queues`, queues, `must not be greater than ${queuesMax}`));
  }
  if (handSize > queues) {
    errors.push(invalid(`${at}.queuing.handSize`, handSize, `should not be greater than queues (${queues})`));
  }
}
