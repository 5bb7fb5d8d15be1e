import { containersAnnotation, termsProblems } from '../container-terms.ts';
import { type FieldError, invalid } from './field-error.ts';

interface Containers {
  readonly containers?: readonly { readonly name?: string }[];
}

/** `path` is that of the annotations. The place inside the annotation's value is named in front of what is wrong there. */
export function validateContainerTerms(
  errors: FieldError[],
  annotations: Readonly<Record<string, string>> | undefined,
  spec: Containers,
  path: string,
): void {
  for (const { at, value, detail } of termsProblems(annotations, spec)) {
    errors.push(invalid(`${path}[${containersAnnotation}]`, value, at ? `${at}: ${detail}` : detail));
  }
}
