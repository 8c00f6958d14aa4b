import { globSync, readFileSync } from 'node:fs'
import { Application, DeclarationReflection, ReflectionKind } from 'typedoc'

/**
 * A plugin of typedoc. By itself that asks only for the exports and comments of the package in whose folder it is
 * run, and here that has none. With this it asks for those of every package.
 *
 * It also asks for comments on functions: typedoc would ask for those of all methods with them, also of a vendor's.
 *
 * @param {import('typedoc').Application} app
 */
export function load(app) {
  const names = globSync('packages/*/package.json').map(
    (file) => JSON.parse(readFileSync(file, 'utf8')).name,
  )
  let isUnderWay = false
  app.on(Application.EVENT_VALIDATE_PROJECT, (project) => {
    if (isUnderWay) return
    isUnderWay = true
    const own = project.packageName
    for (const name of names) {
      project.packageName = name
      app.validate(project)
    }
    if (own !== undefined) project.packageName = own
    isUnderWay = false
    for (const each of project.getReflectionsByKind(ReflectionKind.Function)) {
      if (!(each instanceof DeclarationReflection)) continue
      if (each.signatures?.some((signature) => signature.hasComment())) continue
      app.logger.validationWarning(`${each.getFriendlyFullName()} does not have any documentation`)
    }
  })
}
