/* settings.h: the names of the settings that micro-batch sources have, Spark's names. Reading a table at once passes over them,
 * so that one job file serves both. */
#ifndef HEDDLE_SOURCE_STREAM_SETTINGS_H
#define HEDDLE_SOURCE_STREAM_SETTINGS_H

/* Of any stream: Spark's limits, and ours on rows. */
#define HEDDLE_STREAM_SETTINGS "maxFilesPerTrigger", "maxBytesPerTrigger", "maxRowsPerBatch"

/* https://docs.delta.io/latest/delta-streaming.html */
#define HEDDLE_STREAM_SETTINGS_DELTA                                                                         \
    HEDDLE_STREAM_SETTINGS, "startingVersion", "startingTimestamp", "ignoreDeletes", "ignoreChanges",        \
        "skipChangeCommits", "ignoreFileDeletion", "excludeRegex", "failOnDataLoss", "readChangeFeed"

/* https://spark.apache.org/docs/latest/structured-streaming-programming-guide.html, "File source" */
#define HEDDLE_STREAM_SETTINGS_FILES                                                                         \
    HEDDLE_STREAM_SETTINGS, "latestFirst", "maxFileAge", "fileNameOnly", "maxCachedFiles",                   \
        "discardCachedInputRatio", "cleanSource"

#endif
