export { platformatic } from './platformatic.ts'
export type { PlatformaticOptions } from './platformatic-options.ts'
