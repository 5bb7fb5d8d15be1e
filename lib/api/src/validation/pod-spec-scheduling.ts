import { dnsLabelProblems, dnsSubdomainProblems, labelValueProblems, qualifiedNameProblems } from '../names.ts';
import type {
  Affinity,
  LabelSelector,
  NodeAffinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from '../types.ts';
import { type FieldError, duplicate, forbidden, invalid, notSupported, pushInvalid, required } from './field-error.ts';
import { validateLabelSelector } from './label-selector.ts';

const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const tolerationOperators = ['Equal', 'Exists'];
const unsatisfiableActions = ['DoNotSchedule', 'ScheduleAnyway'];
const inclusionPolicies = ['Honor', 'Ignore'];

export function validateTolerations(errors: FieldError[], tolerations: readonly Toleration[], path: string): void {
  tolerations.forEach(({ key = '', operator = '', value = '', effect = '', tolerationSeconds }, i) => {
    const at = `${path}[${i}]`;
    if (key !== '') pushInvalid(errors, `${at}.key`, key, qualifiedNameProblems(key));
    else if (operator !== 'Exists') {
      const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      errors.push(invalid(`${at}.operator`, operator, detail));
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.push(invalid(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    if (operator === 'Equal' || operator === '') {
      const problems = labelValueProblems(value);
      if (problems.length > 0) errors.push(invalid(`${at}.operator`, value, problems.join(';')));
    } else if (operator !== 'Exists') errors.push(notSupported(`${at}.operator`, operator, tolerationOperators));
    else if (value !== '') {
      errors.push(invalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"));
    }
    if (effect !== '') validateTaintEffect(errors, effect, `${at}.effect`);
  });
}

export function validateTaintEffect(errors: FieldError[], effect: string, path: string): void {
  if (!taintEffects.includes(effect)) errors.push(notSupported(path, effect, taintEffects));
}

export function validateAffinity(errors: FieldError[], affinity: Affinity, path: string): void {
  if (affinity.nodeAffinity) validateNodeAffinity(errors, affinity.nodeAffinity, `${path}.nodeAffinity`);
  if (affinity.podAffinity) validatePodAffinity(errors, affinity.podAffinity, `${path}.podAffinity`);
  if (affinity.podAntiAffinity) validatePodAffinity(errors, affinity.podAntiAffinity, `${path}.podAntiAffinity`);
}

const requiredField = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferredField = 'preferredDuringSchedulingIgnoredDuringExecution';

function validateNodeAffinity(errors: FieldError[], affinity: NodeAffinity, path: string): void {
  const selector = affinity[requiredField];
  if (selector) {
    const at = `${path}.${requiredField}.nodeSelectorTerms`;
    if (!selector.nodeSelectorTerms?.length) errors.push(required(at, 'must have at least one node selector term'));
    selector.nodeSelectorTerms?.forEach((term, i) => {
      validateNodeSelectorTerm(errors, term, `${at}[${i}]`);
    });
  }
  affinity[preferredField]?.forEach(({ weight = 0, preference }, i) => {
    const at = `${path}.${preferredField}[${i}]`;
    validateWeight(errors, weight, at);
    validateNodeSelectorTerm(errors, preference ?? {}, `${at}.preference`);
  });
}

function validateWeight(errors: FieldError[], weight: number, path: string): void {
  if (weight <= 0 || weight > 100) errors.push(invalid(`${path}.weight`, weight, 'must be in the range 1-100'));
}

export function validateNodeSelectorTerm(errors: FieldError[], term: NodeSelectorTerm, path: string): void {
  term.matchExpressions?.forEach((requirement, i) => {
    validateNodeRequirement(errors, requirement, `${path}.matchExpressions[${i}]`);
  });
  term.matchFields?.forEach(({ key = '', operator = '', values = [] }, i) => {
    const at = `${path}.matchFields[${i}]`;
    if (operator !== 'In' && operator !== 'NotIn') {
      errors.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    } else if (values.length !== 1) {
      const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
      errors.push(required(`${at}.values`, detail));
    }
    if (key !== 'metadata.name') errors.push(invalid(`${at}.key`, key, 'not a valid field selector key'));
    else {
      values.forEach((value, j) => {
        pushInvalid(errors, `${at}.values[${j}]`, value, dnsSubdomainProblems(value));
      });
    }
  });
}

function validateNodeRequirement(errors: FieldError[], requirement: NodeSelectorRequirement, path: string): void {
  const { key = '', operator = '', values = [] } = requirement;
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
        errors.push(forbidden(`${path}.values`, detail));
      }
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        errors.push(required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
      }
      break;
    default:
      errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  }
  pushInvalid(errors, `${path}.key`, key, qualifiedNameProblems(key));
  values.forEach((value, i) => {
    pushInvalid(errors, `${path}.values[${i}]`, value, labelValueProblems(value));
  });
}

function validatePodAffinity(errors: FieldError[], affinity: PodAffinity, path: string): void {
  affinity[requiredField]?.forEach((term, i) => {
    validatePodAffinityTerm(errors, term, `${path}.${requiredField}[${i}]`);
  });
  affinity[preferredField]?.forEach(({ weight = 0, podAffinityTerm }, i) => {
    const at = `${path}.${preferredField}[${i}]`;
    validateWeight(errors, weight, at);
    validatePodAffinityTerm(errors, podAffinityTerm ?? { topologyKey: '' }, `${at}.podAffinityTerm`);
  });
}

function validatePodAffinityTerm(errors: FieldError[], term: PodAffinityTerm, path: string): void {
  validateLabelSelector(errors, term.labelSelector, `${path}.labelSelector`);
  validateLabelSelector(errors, term.namespaceSelector, `${path}.namespaceSelector`);
  for (const name of term.namespaces ?? []) {
    pushInvalid(errors, `${path}.namespace`, name, dnsLabelProblems(name));
  }
  for (const field of ['matchLabelKeys', 'mismatchLabelKeys'] as const) {
    validateLabelKeys(errors, term[field], term.labelSelector, path, field);
  }
  const { topologyKey = '' } = term;
  if (topologyKey === '') errors.push(required(`${path}.topologyKey`, 'can not be empty'));
  pushInvalid(errors, `${path}.topologyKey`, topologyKey, qualifiedNameProblems(topologyKey));
}

/** Keys whose values the server takes from the pod itself; they make sense only beside a selector. */
function validateLabelKeys(
  errors: FieldError[],
  keys: readonly string[] | undefined,
  selector: LabelSelector | undefined,
  path: string,
  field: string,
): void {
  if (!keys?.length) return;
  if (!selector) {
    errors.push(forbidden(`${path}.${field}`, 'must not be specified when labelSelector is not set'));
    return;
  }
  keys.forEach((key, i) => {
    const at = `${path}.${field}[${i}]`;
    pushInvalid(errors, at, key, qualifiedNameProblems(key));
    if (selector.matchLabels?.[key] !== undefined) {
      errors.push(invalid(at, key, `exists in both ${field} and labelSelector`));
    }
  });
}

export function validateTopologySpread(
  errors: FieldError[],
  constraints: readonly TopologySpreadConstraint[],
  path: string,
): void {
  const seen = new Set<string>();
  constraints.forEach((constraint, i) => {
    const at = `${path}[${i}]`;
    const { maxSkew = 0, topologyKey = '', whenUnsatisfiable = '' } = constraint;
    if (maxSkew <= 0) errors.push(invalid(`${at}.maxSkew`, maxSkew, 'must be greater than zero'));
    if (topologyKey === '') errors.push(required(`${at}.topologyKey`, 'can not be empty'));
    else pushInvalid(errors, `${at}.topologyKey`, topologyKey, qualifiedNameProblems(topologyKey));
    if (!unsatisfiableActions.includes(whenUnsatisfiable)) {
      errors.push(notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable, unsatisfiableActions));
    }
    const pair = `{${topologyKey}, ${whenUnsatisfiable}}`;
    if (seen.has(pair)) errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair));
    seen.add(pair);
    validateSpreadOptions(errors, constraint, at);
  });
}

function validateSpreadOptions(errors: FieldError[], constraint: TopologySpreadConstraint, path: string): void {
  const { minDomains, whenUnsatisfiable } = constraint;
  if (minDomains !== undefined) {
    if (minDomains <= 0) errors.push(invalid(`${path}.minDomains`, minDomains, 'must be greater than zero'));
    if (whenUnsatisfiable !== 'DoNotSchedule') {
      const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
      errors.push(invalid(`${path}.minDomains`, minDomains, detail));
    }
  }
  for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
    const policy = constraint[field];
    if (policy !== undefined && !inclusionPolicies.includes(policy)) {
      errors.push(notSupported(`${path}.${field}`, policy, inclusionPolicies));
    }
  }
  validateLabelKeys(errors, constraint.matchLabelKeys, constraint.labelSelector, path, 'matchLabelKeys');
  validateLabelSelector(errors, constraint.labelSelector, `${path}.labelSelector`);
}
