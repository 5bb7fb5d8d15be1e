/** A template that is wrong, or uses what this renderer does not have. The message begins with `FILE:LINE`. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}
