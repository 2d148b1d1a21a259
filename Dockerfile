# Builds Shardkeep and runs it as an ordinary user. The dependencies come from `npm ci` and nothing else is fetched.
FROM node:20-slim AS build
WORKDIR /shardkeep
# The lockfile first: as long as it stays the same, the installed dependencies are taken from the cache.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts scripts
COPY src src
COPY workers workers
RUN npm run build && rm -rf node_modules && npm ci --omit=dev --ignore-scripts

FROM node:20-slim
ENV NODE_ENV=production
WORKDIR /shardkeep
COPY --from=build /shardkeep/package.json ./
COPY --from=build /shardkeep/node_modules node_modules
COPY --from=build /shardkeep/dist dist
COPY LICENSE ./
# Files that the server writes (see `dir` in docs/configuration.md) go to /data.
RUN mkdir /data && chown node:node /data
USER node
WORKDIR /data
VOLUME /data
EXPOSE 6379
# Protected mode refuses clients from other machines, and behind a published port every client is one. Who can reach that
# port is Docker's matter; give a password with `--requirepass` where that is not enough.
ENTRYPOINT ["node", "/shardkeep/dist/src/cli.js"]
CMD ["--protected-mode", "no"]
