export { type PlatformaticOptions, platformatic } from './platformatic.ts'
