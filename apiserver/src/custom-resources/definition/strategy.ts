/** How CustomResourceDefinitions themselves are defaulted, checked and deleted. */
import { sameJson } from '@slipway/api/patch/json-value';
import type { FieldError } from '@slipway/api/validation/field-error';
import { formatTime } from '@slipway/kit/clock';
import type { Strategy } from '../../registry/strategy.ts';
import { descriptorOf } from '../../registry/strategies/descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../../registry/strategies/generation.ts';
import { cleanupFinalizer, type CustomResourceDefinition, definitionGroup, withCondition } from './definition.ts';
import { validateDefinition, validateDefinitionUpdate, validateStoredVersions } from './validate-definition.ts';

export const definitionStrategy: Strategy<CustomResourceDefinition> = {
  resource: descriptorOf(definitionGroup, 'v1', 'customresourcedefinitions'),
  defaults({ spec }) {
    if (!spec) return;
    spec.versions ??= [];
    if (spec.names) {
      const { names } = spec;
      names.singular ||= names.kind?.toLowerCase() ?? '';
      names.listKind ||= names.kind ? `${names.kind}List` : '';
    }
    spec.conversion ??= { strategy: 'None' };
    const service = spec.conversion.webhook?.clientConfig?.service;
    if (service) service.port ??= 443;
  },
  prepareCreate(draft) {
    startGeneration(draft);
    draft.status = {
      conditions: [],
      acceptedNames: { kind: '', plural: '' },
      storedVersions: storageVersions(draft),
    };
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    countGeneration(draft, old, draft.spec, old.spec);
    const stored = old.status?.storedVersions ?? [];
    const added = storageVersions(draft).filter((name) => !stored.includes(name));
    if (added.length > 0) draft.status = { ...old.status, storedVersions: [...stored, ...added] };
  },
  validate: () => [],
  validateCreate: (draft) => validateDefinition(draft, undefined),
  validateUpdate: (draft, old) => [
    // What has not changed was accepted once.
    ...(sameJson(draft.spec, old.spec) ? [] : validateDefinition(draft, old)),
    ...validateDefinitionUpdate(draft, old),
    ...storedStillThere(draft),
  ],
  validateName: () => [],
  status: {
    validateUpdate: (draft) => validateStoredVersions(draft),
  },
  // The first delete only marks: the objects go first.
  otherFinalizers: ({ metadata }) => (metadata.deletionTimestamp === undefined ? [cleanupFinalizer] : []),
  prepareDeletion(draft) {
    const { metadata } = draft;
    if (!metadata.finalizers?.includes(cleanupFinalizer)) {
      metadata.finalizers = [...(metadata.finalizers ?? []), cleanupFinalizer];
    }
    const conditions = withCondition(
      draft.status?.conditions ?? [],
      {
        type: 'Terminating',
        status: 'True',
        reason: 'InstanceDeletionPending',
        message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
      },
      metadata.deletionTimestamp ?? formatTime(0),
    );
    draft.status = { ...draft.status, conditions };
  },
  allowUnconditionalUpdate: false,
};

function storageVersions({ spec }: CustomResourceDefinition): string[] {
  return (spec?.versions ?? []).filter(({ storage }) => storage).map(({ name }) => name);
}

/** A version that objects may still be stored in cannot be taken out. */
function storedStillThere(draft: CustomResourceDefinition): FieldError[] {
  return validateStoredVersions(draft);
}
