import type {
  LimitedPriorityLevelConfiguration,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '@slipway/api/types';
import { type FieldError, forbidden, invalid, notSupported, required } from '@slipway/api/validation/field-error';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';
import { validateFlowConditions } from './flow-conditions.ts';
import { exemptName, mandatoryLevels } from './mandatory.ts';

const types = ['Exempt', 'Limited'];
const responses = ['Queue', 'Reject'];
const queuesMax = 10_000_000;
/** Of the hash of a flow, which chooses its queues. */
const hashBitsMax = 60;

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
  validate({ metadata, spec }) {
    const errors: FieldError[] = [];
    const { name = '' } = metadata;
    const { type = '', limited, exempt } = spec;
    if ((name === exemptName) !== (type === 'Exempt')) {
      errors.push(invalid('spec.type', type, `type must be 'Exempt' if and only if name is '${exemptName}'`));
    }
    if (!types.includes(type)) errors.push(notSupported('spec.type', type, types));
    if (type === 'Limited') {
      if (exempt) errors.push(forbidden('spec.exempt', 'must be nil if the type is Limited'));
      if (limited) validateLimited(errors, limited, 'spec.limited');
      else errors.push(required('spec.limited', 'must not be empty when type is Limited'));
    } else if (type === 'Exempt') {
      if (limited) errors.push(forbidden('spec.limited', 'must be nil if the type is not Limited'));
      if (exempt) validateShares(errors, exempt, 'spec.exempt');
    }
    validateMandatory(errors, name, spec);
    return errors;
  },
  status: {
    validateUpdate({ status }) {
      const errors: FieldError[] = [];
      validateFlowConditions(errors, status?.conditions, 'status.conditions');
      return errors;
    },
  },
};

/** How much of the server the exempt requests are thought to take may be said; all else of such levels is fixed. */
function validateMandatory(errors: FieldError[], name: string, spec: PriorityLevelConfigurationSpec): void {
  const fixed = mandatoryLevels.get(name);
  if (!fixed) return;
  const isExempt = name === exemptName;
  if (semanticEqual(isExempt ? { ...spec, exempt: fixed.exempt } : spec, fixed)) return;
  const but = isExempt ? " except the 'spec.exempt' field" : '';
  errors.push(invalid('spec', spec, `spec of '${name}'${but} must equal the fixed value`));
}

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
  validateQueuing(errors, queuing, `${at}.queuing`);
}

type Queuing = NonNullable<NonNullable<LimitedPriorityLevelConfiguration['limitResponse']>['queuing']>;

function validateQueuing(errors: FieldError[], queuing: Queuing, path: string): void {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  const refuse = (field: keyof Queuing, detail: string) => {
    errors.push(invalid(`${path}.${field}`, queuing[field] ?? 0, detail));
  };
  if (queueLengthLimit <= 0) refuse('queueLengthLimit', 'must be positive');
  if (queues <= 0) refuse('queues', 'must be positive');
  else if (queues > queuesMax) refuse('queues', `must not be greater than ${queuesMax}`);
  if (handSize <= 0) refuse('handSize', 'must be positive');
  else if (handSize > queues) refuse('handSize', `should not be greater than queues (${queues})`);
  else if (dealingBits(queues, handSize) > hashBitsMax) {
    const detail = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${hashBitsMax}`;
    refuse('handSize', detail);
  }
}

/** How many bits of a hash deal a hand of queues, by upstream's estimate: each card as if the deck were whole. */
function dealingBits(queues: number, handSize: number): number {
  return Math.ceil(Math.log2(queues) * handSize);
}
