import { labelValueProblems, qualifiedNameProblems } from '../names.ts';
import type { LabelSelector } from '../types.ts';
import { type FieldError, forbidden, invalid, pushInvalid, required } from './field-error.ts';
import { validateLabels } from './object-meta.ts';

/** Rules of a `metav1.LabelSelector`. None is fine; whether it may be empty is for the kind to say. */
export function validateLabelSelector(errors: FieldError[], selector: LabelSelector | undefined, path: string): void {
  if (!selector) return;
  validateLabels(errors, selector.matchLabels, `${path}.matchLabels`);
  selector.matchExpressions?.forEach((expression, i) => {
    validateExpression(errors, expression, `${path}.matchExpressions[${i}]`);
  });
}

type Expression = NonNullable<LabelSelector['matchExpressions']>[number];

function validateExpression(errors: FieldError[], { key = '', operator, values }: Expression, path: string): void {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (!values?.length) {
        errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values?.length) {
        const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
        errors.push(forbidden(`${path}.values`, detail));
      }
      break;
    default:
      errors.push(invalid(`${path}.operator`, operator ?? '', 'not a valid selector operator'));
  }
  pushInvalid(errors, `${path}.key`, key, qualifiedNameProblems(key));
  values?.forEach((value, i) => {
    pushInvalid(errors, `${path}.values[${i}]`, value, labelValueProblems(value));
  });
}

/** Selects everything: no labels and no expressions. */
export function isEmptySelector(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && !selector.matchExpressions?.length;
}
