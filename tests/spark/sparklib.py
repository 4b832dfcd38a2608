"""What the checks against real Spark share: a session with Delta, on two cores and little memory. `scripts/bootstrap --for spark` fetches
it into build/deps/spark; a check whose Spark is missing ends with code 77."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPARK = ROOT / "build" / "deps" / "spark"


def python_of_spark():
    """The Python with pyspark, or None where Spark, Delta's jars or a Java that runs them are missing."""
    python = SPARK / "venv" / "bin" / "python3"
    return python if python.exists() and list((SPARK / "jars").glob("delta-spark_*.jar")) and java_home() else None


def java_home():
    """JAVA_HOME of a Java that Spark runs on, None where there is none."""
    found = subprocess.run(["bash", "-c", f". '{ROOT}/scripts/common.sh' && find_spark_java"], stdout=subprocess.PIPE, text=True)
    return str(pathlib.Path(found.stdout.strip()).resolve().parents[1]) if found.returncode == 0 else None


def run_in_spark():
    """Makes sure that this process is Spark's Python; answers only there. Ends with 77 where it cannot be."""
    python = python_of_spark()
    if python is None:
        print("skipped: Spark with Delta is not there: scripts/bootstrap --for spark")
        sys.exit(77)
    if os.environ.get("HEDDLE_IN_SPARK") != "1":
        environment = dict(os.environ, HEDDLE_IN_SPARK="1", JAVA_HOME=java_home(), PYSPARK_PYTHON=str(python))
        os.execve(python, [str(python), *sys.argv], environment)


def session(name, folder, cores=2, memory="1g"):
    """A local session that writes nothing outside `folder`."""
    from pyspark.sql import SparkSession
    jars = ",".join(str(path) for path in sorted((SPARK / "jars").glob("*.jar")))
    spark = (SparkSession.builder.appName(name).master(f"local[{cores}]")
             .config("spark.jars", jars)
             .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
             .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
             .config("spark.driver.memory", memory)
             .config("spark.driver.bindAddress", "127.0.0.1")
             .config("spark.driver.host", "127.0.0.1")
             .config("spark.ui.enabled", "false")
             .config("spark.ui.showConsoleProgress", "false")
             .config("spark.sql.session.timeZone", "UTC")
             .config("spark.sql.shuffle.partitions", str(cores))
             .config("spark.local.dir", str(folder))
             .config("spark.sql.warehouse.dir", str(pathlib.Path(folder) / "warehouse"))
             .getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    return spark
