#!/bin/sh
# Makes the Python environments that the tests of models train with, under FOLDER:
#   make_venvs.sh FOLDER [new] [old] [mid]
# Each is a set of library versions that people have. An environment that is complete is kept; one
# that is half made is made again.
set -eu
folder=$1
shift
[ $# -gt 0 ] || set -- new old mid
for name in "$@"; do
    case $name in
    new) packages="numpy==2.4.6 scikit-learn==1.9.1 lightgbm==4.7.0 skl2onnx==1.20.0 onnxmltools==1.16.0 onnxruntime pandas joblib"
        xgboost=3.2.0 ;;
    mid) packages="numpy==2.1.3 scikit-learn==1.6.1 lightgbm==4.5.0 pandas joblib"
        xgboost=3.0.5 ;;
    old) packages="numpy==1.26.4 scikit-learn==1.2.2 lightgbm==3.3.5 pandas==2.2.3 joblib"
        xgboost=1.7.6 ;;
    *)
        echo "no environment is called $name" >&2
        exit 2 ;;
    esac
    [ -e "$folder/venv-$name/complete" ] && continue
    rm -rf "$folder/venv-$name"
    python3 -m venv "$folder/venv-$name"
    # shellcheck disable=SC2086
    "$folder/venv-$name/bin/python" -m pip install --quiet --disable-pip-version-check $packages
    # Its wheel asks for a library of graphics cards that is not needed to train on a processor.
    "$folder/venv-$name/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "xgboost==$xgboost"
    touch "$folder/venv-$name/complete"
done
