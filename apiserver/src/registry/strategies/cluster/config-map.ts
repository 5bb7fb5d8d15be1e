import { configKeyProblems } from '@slipway/api/names';
import type { ConfigMap } from '@slipway/api/types';
import { type FieldError, invalid, pushInvalid, tooLong } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { base64Size, contentBytesMax, utf8Size, validateFrozen } from './content.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

export const configMapStrategy: Strategy<ConfigMap> = {
  resource: descriptorOf('', 'v1', 'configmaps'),
  prepareCreate: dropGeneration,
  validate(draft) {
    const errors: FieldError[] = [];
    let bytes = 0;
    for (const [key, value] of Object.entries(draft.data ?? {})) {
      pushInvalid(errors, `data[${key}]`, key, configKeyProblems(key));
      if (draft.binaryData?.[key] !== undefined) {
        errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
      }
      bytes += utf8Size(value);
    }
    for (const [key, value] of Object.entries(draft.binaryData ?? {})) {
      pushInvalid(errors, `binaryData[${key}]`, key, configKeyProblems(key));
      bytes += base64Size(value);
    }
    if (bytes > contentBytesMax) errors.push(tooLong('[]', contentBytesMax));
    return errors;
  },
  validateUpdate: (draft, old) => validateFrozen(draft, old, ['data', 'binaryData']),
};
